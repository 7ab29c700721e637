"use client";
import {
  type Announcements,
  closestCenter,
  DndContext,
  type DragEndEvent,
  DragOverlay,
  PointerSensor,
  useDroppable,
  useSensor,
  useSensors,
} from "@dnd-kit/core";
import { SortableContext, sortableKeyboardCoordinates, verticalListSortingStrategy } from "@dnd-kit/sortable";
import { CirclePlus, Users } from "lucide-react";
import { memo, type ReactNode, useEffect, useRef, useState } from "react";
import { useFieldArray, useWatch } from "react-hook-form";
import type { ModelList, RoleView, Squad, ToolView } from "#contracts";
import { buttonClass } from "../../components/ui/button.tsx";
import { Menu } from "../../components/ui/menu.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { Empty } from "../../components/ui/states.tsx";
import { PromptKeyboardSensor } from "../../lib/prompt-keyboard-sensor.ts";
import { dismissToast, toastDone } from "../../lib/toast.ts";
import { MemberEditor } from "./member-editor.tsx";
import { RoleChip, RolePalette } from "./role-palette.tsx";
import { memberFromRole } from "./squad-form.ts";
import { useSquadForm } from "./squad-form-context.ts";

interface MemberBoardProps {
  /** As it is stored; null while a new one is built. */
  squad: Squad | null;
  roles: RoleView[];
  models: ModelList;
  tools: ToolView[];
  /** The settings beside the members. */
  children: ReactNode;
}

const maxMembers = 50;

/** Roles on one side, members on the other: drag a role in, or add it with a button; drag members into order. */
export const MemberBoard = memo(function MemberBoard({ squad, roles, models, tools, children }: MemberBoardProps) {
  const { control, getValues, setValue } = useSquadForm();
  const { fields, insert, move, remove } = useFieldArray({
    control,
    name: "members",
    keyName: "key",
    rules: { validate: (members) => members.length > 0 || "A squad needs at least one member: add a role." },
  });
  const lead = useWatch({ control, name: "lead" });
  const [open, setOpen] = useState<string | null>(null);
  const told = useRef<number[]>([]);
  const placeOf = (id: unknown) => fields.findIndex((field) => field.key === id);
  const { dragged, pickUp, letGo, announcements } = useDragged(roles, placeOf, (at) => getValues(`members.${at}.name`));
  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: 5 } }),
    useSensor(PromptKeyboardSensor, { coordinateGetter: sortableKeyboardCoordinates }),
  );

  const add = (role: RoleView, at = fields.length) => {
    if (fields.length >= maxMembers) return;
    const taken = getValues("members").map((member) => member.name);
    insert(at, memberFromRole(role.slug, roles, taken), { shouldFocus: false });
    if (fields.length > 0 && at <= lead) setValue("lead", lead + 1);
  };
  const drop = ({ active, over }: DragEndEvent) => {
    letGo();
    if (!over) return;
    const role = roles.find((one) => `role:${one.slug}` === active.id);
    const to = placeOf(over.id);
    if (role) add(role, to < 0 ? fields.length : to);
    const from = placeOf(active.id);
    if (from < 0 || to < 0 || from === to) return;
    move(from, to);
    setValue("lead", movedIndex(lead, from, to), { shouldDirty: true });
  };
  const take = (at: number) => {
    const member = getValues(`members.${at}`);
    remove(at);
    const leadBefore = lead;
    if (at < lead || lead === fields.length - 1) setValue("lead", Math.max(0, lead - 1));
    told.current.push(
      toastDone(`${member.name} removed`, () => {
        insert(at, member, { shouldFocus: false });
        setValue("lead", leadBefore);
      }),
    );
  };
  // The way back leads into this form: with it, it goes.
  useEffect(() => {
    const ids = told.current;
    return () => ids.forEach(dismissToast);
  }, []);

  return (
    <DndContext
      sensors={sensors}
      collisionDetection={closestCenter}
      accessibility={{ announcements }}
      onDragStart={({ active }) => pickUp(active.id)}
      onDragCancel={letGo}
      onDragEnd={drop}
    >
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem] xl:grid-cols-[12.5rem_minmax(0,1fr)_18rem] 2xl:grid-cols-[15rem_minmax(0,1fr)_21rem]">
        <RolePalette roles={roles} onAdd={add} className="hidden xl:block" />
        <Panel
          title={`Members · ${fields.length}`}
          action={
            <Menu
              label="Add a member"
              align="end"
              className={buttonClass("secondary", true)}
              trigger={
                <>
                  <CirclePlus aria-hidden className="size-3.5" />
                  Add
                </>
              }
              items={roles.map((role) => ({ label: role.name, run: () => add(role) }))}
            />
          }
        >
          <MemberDropArea empty={fields.length === 0} disabled={dragged === "member"}>
            <SortableContext items={fields.map((field) => field.key)} strategy={verticalListSortingStrategy}>
              <ol className="divide-y divide-line">
                {fields.map((field, index) => (
                  <MemberEditor
                    key={field.key}
                    id={field.key}
                    index={index}
                    isLead={index === lead}
                    open={open === field.key}
                    onToggle={() => setOpen(open === field.key ? null : field.key)}
                    onRemove={() => take(index)}
                    onLead={() => setValue("lead", index, { shouldDirty: true })}
                    squad={squad}
                    roles={roles}
                    models={models}
                    tools={tools}
                  />
                ))}
              </ol>
            </SortableContext>
          </MemberDropArea>
        </Panel>
        {children}
      </div>
      <DragOverlay>{dragged && dragged !== "member" && <RoleChip role={dragged} />}</DragOverlay>
    </DndContext>
  );
});

/** What is dragged (a role to be shown under the pointer, a member, or null), and what a screen reader hears: names, not ids. */
function useDragged(roles: RoleView[], placeOf: (id: unknown) => number, nameAt: (place: number) => string) {
  const [dragged, setDragged] = useState<RoleView | "member" | null>(null);
  // As it was when it was picked up: the moment it is put down, names stand at other places already.
  const name = useRef("");
  const where = (id: unknown) => (placeOf(id) < 0 ? "among the members" : `at place ${placeOf(id) + 1}`);
  const announcements: Announcements = {
    onDragStart: () => `${name.current} is picked up.`,
    onDragOver: ({ over }) => (over ? `${name.current} is ${where(over.id)}.` : undefined),
    onDragEnd: ({ over }) => (over ? `${name.current} is put ${where(over.id)}.` : "Nothing was moved."),
    onDragCancel: () => `${name.current} stays where it was.`,
  };
  const pickUp = (id: unknown) => {
    const role = roles.find((one) => `role:${one.slug}` === id) ?? null;
    name.current = role?.name ?? nameAt(placeOf(id));
    setDragged(role ?? "member");
  };
  return { dragged, pickUp, letGo: () => setDragged(null), announcements };
}

interface MemberDropAreaProps {
  empty: boolean;
  /** A member moves among the others: the area around them, whose middle may be that of one of them, is no place. */
  disabled: boolean;
  children: ReactNode;
}

function MemberDropArea({ empty, disabled, children }: MemberDropAreaProps) {
  const { setNodeRef, isOver } = useDroppable({ id: "members", disabled });
  return (
    <div ref={setNodeRef} className={isOver ? "bg-accent-soft/50" : undefined}>
      {empty ? (
        <Empty icon={Users} title="No member yet" className="min-h-72">
          <span className="hidden xl:inline">Drag a role here, or choose one with Add.</span>
          <span className="xl:hidden">Choose a role with Add.</span>
        </Empty>
      ) : (
        children
      )}
    </div>
  );
}

/** Where an item at `index` is after another moved. */
export function movedIndex(index: number, from: number, to: number): number {
  if (index === from) return to;
  if (from < index && to >= index) return index - 1;
  if (from > index && to <= index) return index + 1;
  return index;
}
