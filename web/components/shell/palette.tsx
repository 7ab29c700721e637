"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Command } from "cmdk";
import { CirclePlus, Kanban, Keyboard, type LucideIcon, MonitorCog, Users, X } from "lucide-react";
import dynamic from "next/dynamic";
import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";
import { queries } from "../../lib/queries.ts";
import { hasCharacterKeys } from "../../lib/shortcuts.ts";
import { chooseTheme } from "../../lib/theme.ts";
import { IconButton } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { StatusIcon } from "../ui/status.tsx";
import { carePlaces, workPlaces } from "./navigation.ts";

/** How long the typing must rest before the server is asked. */
const restMs = 150;

const NewTaskHere = dynamic(() => import("../../features/tasks/new-task-here.tsx"), { ssr: false });

interface PaletteProps {
  /** In its place the dialog for a new task, which is chosen here too. */
  task: boolean;
  onNewTask: () => void;
  onClose: () => void;
}

/** What opens over any page: the palette, or a new task. */
export default function Palette({ task, ...rest }: PaletteProps) {
  return task ? <NewTaskHere /> : <Search {...rest} />;
}

/** Ctrl/Cmd-K: goes to any page, squad, project or execution, which the server searches for, and starts the common things. */
function Search({ onNewTask, onClose }: Omit<PaletteProps, "task">) {
  const router = useRouter();
  const [search, setSearch] = useState("");
  const wanted = useRested(search.trim().slice(0, 120), restMs);
  const squads = useQuery({
    ...queries.squads({ page: 1, pageSize: 24, search: wanted }),
    placeholderData: keepPreviousData,
  });
  const projects = useQuery({ ...queries.projects(1, wanted), placeholderData: keepPreviousData });
  const executions = useQuery({
    ...queries.executions({ limit: 30, search: wanted }),
    placeholderData: keepPreviousData,
  });
  const go = (href: string) => () => {
    onClose();
    router.push(href);
  };
  return (
    <Dialog title="Search or go to" bare placement="top" onClose={onClose} className="max-w-xl">
      <Command label="Search or go to" loop className="flex max-h-[60vh] min-h-0 flex-col">
        <Command.Input
          data-autofocus
          value={search}
          onValueChange={setSearch}
          placeholder="Go to a page, a squad, a project or an execution"
          className="h-12 w-full shrink-0 border-line border-b bg-transparent pr-12 pl-4 text-base outline-none"
        />
        {/* Beside the list: in a list box only what can be chosen has a place. */}
        <Command.Empty className="px-3 pt-8 pb-6 text-center text-muted">
          No page, squad, project or execution has this name.
        </Command.Empty>
        <Command.List className="min-h-0 flex-1 overflow-y-auto p-1.5 [&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:font-medium [&_[cmdk-group-heading]]:text-2xs [&_[cmdk-group-heading]]:text-faint">
          <Command.Group heading="Start">
            <Item
              icon={CirclePlus}
              label="New task"
              hint={keyHint("c")}
              onSelect={() => {
                onClose();
                onNewTask();
              }}
            />
            <Item icon={CirclePlus} label="New squad" hint={keyHint("n")} onSelect={go("/squads/new")} />
            <Item icon={CirclePlus} label="New project" onSelect={go("/projects?new=1")} />
          </Command.Group>
          <Command.Group heading="Go to">
            {[...workPlaces, ...carePlaces].map((place) => (
              <Item
                key={place.href}
                icon={place.icon}
                label={place.label}
                hint={keyHint(`g ${place.key}`)}
                onSelect={go(place.href)}
              />
            ))}
            <Item icon={Keyboard} label="Keyboard shortcuts" hint={keyHint("?")} onSelect={go("/shortcuts")} />
          </Command.Group>
          <Group heading="Squads" items={squads.data?.data ?? []}>
            {(squad) => (
              <Item key={squad.id} id={squad.id} icon={Users} label={squad.name} onSelect={go(`/squads/${squad.id}`)} />
            )}
          </Group>
          <Group heading={wanted ? "Projects" : "Recent projects"} items={projects.data?.data ?? []}>
            {(project) => (
              <Item
                key={project.id}
                id={project.id}
                icon={Kanban}
                label={project.name}
                onSelect={go(`/projects/${project.id}`)}
              />
            )}
          </Group>
          <Group heading={wanted ? "Executions" : "Recent executions"} items={executions.data?.data ?? []}>
            {(execution) => (
              <Row
                key={execution.id}
                id={execution.id}
                label={execution.taskTitle}
                hint={execution.squadName}
                icon={<StatusIcon status={execution.status} />}
                onSelect={go(`/executions/${execution.id}`)}
              />
            )}
          </Group>
          <Command.Group heading="Appearance">
            {(["light", "dark", "system"] as const).map((theme) => (
              <Item
                key={theme}
                icon={MonitorCog}
                label={`Appearance: ${theme}`}
                onSelect={() => {
                  chooseTheme(theme);
                  onClose();
                }}
              />
            ))}
          </Command.Group>
        </Command.List>
      </Command>
      {/* Outside of the command menu, which takes Enter for the choice that is marked. */}
      <IconButton label="Close" className="absolute top-2.5 right-2.5 pointer-coarse:top-1.5" onClick={onClose}>
        <X aria-hidden className="size-4" />
      </IconButton>
    </Dialog>
  );
}

/** A value once it has not changed for so long. */
function useRested(value: string, forMs: number): string {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), forMs);
    return () => clearTimeout(timer);
  }, [value, forMs]);
  return rested;
}

const keyHint = (keys: string) => (hasCharacterKeys() ? keys : undefined);

function Group<Thing>({
  heading,
  items,
  children,
}: {
  heading: string;
  items: Thing[];
  children: (item: Thing) => React.ReactNode;
}) {
  return items.length === 0 ? null : <Command.Group heading={heading}>{items.map(children)}</Command.Group>;
}

interface RowProps {
  label: string;
  icon: React.ReactNode;
  hint?: string | undefined;
  /** Tells things of the same name apart. */
  id?: string;
  onSelect: () => void;
}

function Row({ label, icon, hint, id, onSelect }: RowProps) {
  return (
    <Command.Item
      value={id ? `${label} ${id}` : label}
      onSelect={onSelect}
      className="flex h-9 cursor-pointer items-center gap-2.5 rounded-md px-2.5 data-[selected=true]:bg-hover"
    >
      {icon}
      <span className="min-w-0 flex-1 truncate">{label}</span>
      {hint && <span className="max-w-40 truncate text-faint text-xs">{hint}</span>}
    </Command.Item>
  );
}

function Item({ icon: Icon, ...rest }: Omit<RowProps, "icon"> & { icon: LucideIcon }) {
  return <Row {...rest} icon={<Icon aria-hidden className="size-4 text-faint" />} />;
}
