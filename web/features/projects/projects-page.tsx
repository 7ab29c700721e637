"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { CirclePlus, Kanban } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import type { ProjectListItem, TaskStatus } from "#contracts";
import { Page } from "../../components/shell/page.tsx";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Moment } from "../../components/ui/moment.tsx";
import { Pagination } from "../../components/ui/pagination.tsx";
import { SearchField } from "../../components/ui/search-field.tsx";
import { Empty, Failure, Loading, Skeletons } from "../../components/ui/states.tsx";
import { plural } from "../../lib/format.ts";
import { queries } from "../../lib/queries.ts";
import { useSearchState } from "../../lib/use-route.ts";

const ProjectDialog = dynamic(() => import("./project-dialog.tsx"), { ssr: false });
const grid = "grid grid-cols-[repeat(auto-fill,minmax(min(100%,18rem),1fr))] gap-3";

/** `/projects`: what is worked on, each with how its tasks stand. */
export function ProjectsPage() {
  const [parameters, setParameters] = useSearchState();
  const [creating, setCreating] = useState(false);
  const page = Math.max(1, Number(parameters.get("page")) || 1);
  const search = parameters.get("search") ?? "";
  const { data, error, refetch, isPlaceholderData } = useQuery({
    ...queries.projects(page, search),
    placeholderData: keepPreviousData,
  });
  const open = creating || parameters.has("new");
  return (
    <Page
      title="Projects"
      actions={
        <Button look="primary" icon={<CirclePlus aria-hidden className="size-4" />} onClick={() => setCreating(true)}>
          New project
        </Button>
      }
      toolbar={
        <SearchField
          label="Search projects by name"
          value={search}
          onChange={(value) => setParameters({ search: value, page: null })}
        />
      }
    >
      {error && !data ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Loading label="Loading projects" className={grid}>
          <Skeletons count={6} className="h-34 rounded-lg" />
        </Loading>
      ) : data.data.length === 0 ? (
        <Empty
          icon={Kanban}
          title={search ? "No project has this name" : "No project yet"}
          action={
            !search && (
              <Button look="primary" onClick={() => setCreating(true)}>
                Make the first project
              </Button>
            )
          }
        >
          {search ? "Change the search." : "A project holds tasks on a board, and the files that belong to them."}
        </Empty>
      ) : (
        <div className={isPlaceholderData ? "opacity-60" : undefined}>
          <ul className={grid}>
            {data.data.map((project) => (
              <ProjectCard key={project.id} project={project} />
            ))}
          </ul>
          <div className="mt-4">
            <Pagination
              page={data.page}
              pages={data.pages}
              total={data.total}
              noun="project"
              onPage={(next) => setParameters({ page: next > 1 ? String(next) : null }, "push")}
            />
          </div>
        </div>
      )}
      {open && (
        <ProjectDialog
          project={null}
          onClose={() => {
            setCreating(false);
            setParameters({ new: null });
          }}
        />
      )}
    </Page>
  );
}

const segments: { status: TaskStatus; className: string }[] = [
  { status: "completed", className: "bg-good" },
  { status: "in_progress", className: "bg-accent" },
  { status: "failed", className: "bg-bad" },
  { status: "pending", className: "bg-line-strong" },
  { status: "cancelled", className: "bg-line" },
];

function ProjectCard({ project }: { project: ProjectListItem }) {
  const total = Object.values(project.tasks).reduce((sum, count) => sum + count, 0);
  const done = project.tasks.completed;
  return (
    <li className="min-w-0">
      <AppLink
        href={`/projects/${project.id}`}
        className="flex h-34 flex-col rounded-lg border border-line bg-surface p-3.5 shadow-card hover:border-line-strong"
      >
        <span className="truncate font-semibold text-base">{project.name}</span>
        <span className="mt-1 line-clamp-2 text-muted [overflow-wrap:anywhere]">
          {project.description || "No description"}
        </span>
        <span className="mt-auto flex items-center justify-between text-faint text-xs">
          <span className="tabular">{total === 0 ? "No task yet" : `${done} of ${plural(total, "task")} done`}</span>
          <Moment iso={project.updatedAt} />
        </span>
        <span aria-hidden className="mt-2 flex h-1 gap-px overflow-hidden rounded-full bg-hover">
          {segments.map(({ status, className }) => (
            <span
              key={status}
              className={className}
              style={{ width: `${total === 0 ? 0 : (project.tasks[status] / total) * 100}%` }}
            />
          ))}
        </span>
      </AppLink>
    </li>
  );
}
