"use client";
import { useDraggable } from "@dnd-kit/core";
import { GripVertical, Plus } from "lucide-react";
import type { RoleView } from "#contracts";
import { Avatar } from "../../components/ui/avatar.tsx";
import { IconButton } from "../../components/ui/button.tsx";
import { Panel } from "../../components/ui/panel.tsx";

interface RolePaletteProps {
  roles: RoleView[];
  onAdd: (role: RoleView) => void;
  className?: string;
}

/** All roles, to drag among the members. */
export function RolePalette({ roles, onAdd, className }: RolePaletteProps) {
  return (
    <Panel title="Roles" {...(className ? { className } : {})}>
      <ul className="max-h-[calc(100dvh-13rem)] overflow-y-auto p-1">
        {roles.map((role) => (
          <RoleRow key={role.slug} role={role} onAdd={() => onAdd(role)} />
        ))}
      </ul>
    </Panel>
  );
}

function RoleRow({ role, onAdd }: { role: RoleView; onAdd: () => void }) {
  // Keyboards add with the button: the drag is for pointers and is hidden from screen readers.
  const { setNodeRef, listeners, isDragging } = useDraggable({ id: `role:${role.slug}` });
  return (
    <li className={`flex items-center rounded-md hover:bg-hover ${isDragging ? "opacity-40" : ""}`}>
      <div
        ref={setNodeRef}
        {...listeners}
        title={role.summary}
        className="flex min-w-0 flex-1 cursor-grab touch-none items-center gap-2 py-1.5 pl-2"
      >
        <Avatar name={role.name} role={role.slug} size={24} />
        <span className="truncate">{role.name}</span>
      </div>
      <IconButton label={`Add ${role.name}`} onClick={onAdd}>
        <Plus aria-hidden className="size-4" />
      </IconButton>
    </li>
  );
}

/** A role while it is dragged. */
export function RoleChip({ role }: { role: RoleView }) {
  return (
    <div className="flex w-56 cursor-grabbing items-center gap-2 rounded-md bg-raised px-2 py-1.5 shadow-pop">
      <GripVertical aria-hidden className="size-3.5 text-faint" />
      <Avatar name={role.name} role={role.slug} size={24} />
      {role.name}
    </div>
  );
}
