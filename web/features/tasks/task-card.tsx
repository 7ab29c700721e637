"use client";
import { useSortable } from "@dnd-kit/sortable";
import clsx from "clsx";
import { Paperclip } from "lucide-react";
import { memo } from "react";
import type { SquadListItem, TaskListItem } from "#contracts";
import { AvatarStack } from "../../components/ui/avatar.tsx";
import { StatusIcon } from "../../components/ui/status.tsx";
import { PriorityIcon } from "./priority.tsx";

interface TaskCardProps {
  task: TaskListItem;
  squad: SquadListItem | undefined;
  lifted?: boolean;
}

/** What a card shows; the sortable one wraps it. */
export function TaskCard({ task, squad, lifted = false }: TaskCardProps) {
  return (
    <div
      className={clsx(
        "flex min-h-20 flex-col gap-1.5 rounded-md border border-line bg-surface px-2.5 py-2 text-left shadow-card",
        lifted && "rotate-1 shadow-pop",
      )}
    >
      <span className="line-clamp-3 font-medium [overflow-wrap:anywhere]">{task.title}</span>
      <span className="mt-auto flex h-6 items-center gap-2 text-faint text-xs">
        <PriorityIcon priority={task.priority} />
        {task.lastExecution && <StatusIcon status={task.lastExecution.status} className="size-3.5" />}
        {task.attachmentCount > 0 && (
          <span className="tabular flex items-center gap-0.5">
            <Paperclip aria-hidden className="size-3" />
            {task.attachmentCount}
            <span className="sr-only"> attachments</span>
          </span>
        )}
        {/* The squads may come after the tasks: their faces then are new here, nothing moves. */}
        <span key={squad?.id ?? "none"} className="ml-auto flex min-w-0 items-center gap-1.5">
          {squad ? (
            <AvatarStack members={squad.members} max={3} size={20} />
          ) : (
            !task.squadId && <span className="truncate">No squad</span>
          )}
        </span>
      </span>
    </div>
  );
}

/** A card that can be opened, dragged with the mouse or (after a moment's rest) a finger, and moved with Space and the arrows. */
export const SortableTaskCard = memo(function SortableTaskCard({
  task,
  squad,
  onOpen,
}: TaskCardProps & { onOpen: (taskId: string) => void }) {
  const { setNodeRef, attributes, listeners, transform, transition, isDragging } = useSortable({ id: task.id });
  return (
    <li
      ref={setNodeRef}
      style={{ transform: transform ? `translate3d(${transform.x}px, ${transform.y}px, 0)` : undefined, transition }}
      className={clsx(isDragging && "opacity-35")}
    >
      <button
        type="button"
        {...attributes}
        {...listeners}
        onClick={() => onOpen(task.id)}
        className="block w-full cursor-grab touch-manipulation select-none rounded-md [-webkit-touch-callout:none] hover:[&>div]:border-line-strong"
      >
        <TaskCard task={task} squad={squad} />
      </button>
    </li>
  );
});
