"use client";
import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, CirclePlus } from "lucide-react";
import dynamic from "next/dynamic";
import { use } from "react";
import { NewTask } from "../../components/shell/new-task.ts";
import { Page } from "../../components/shell/page.tsx";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Failure } from "../../components/ui/states.tsx";
import { earlyPart } from "../../lib/page-parts.ts";
import { queries } from "../../lib/queries.ts";
import { hasCharacterKeys } from "../../lib/shortcuts.ts";
import { useRouteId, useSearchState, useTitle } from "../../lib/use-route.ts";
import { BoardSkeleton } from "../tasks/board-skeleton.tsx";
import { ProjectActions } from "./project-actions.tsx";

const Board = earlyPart(
  () => import("../tasks/board.tsx"),
  dynamic(() => import("../tasks/board.tsx"), { ssr: false, loading: BoardSkeleton }),
);
const TaskDialog = dynamic(() => import("../tasks/task-dialog.tsx"), { ssr: false });

/** `/projects/ID`: the board of a project's tasks. */
export function ProjectPage() {
  const id = useRouteId();
  const [parameters, setParameters] = useSearchState();
  const newTask = use(NewTask);
  const { data, error, refetch } = useQuery({ ...queries.project(id ?? ""), enabled: id !== null });
  const project = data?.project;
  useTitle(project?.name);
  const openTask = parameters.get("task");

  return (
    <Page
      fill
      className="flex flex-col"
      title={project?.name ?? "Project"}
      pending={!project}
      before={
        <AppLink
          href="/projects"
          aria-label="All projects"
          className="-ml-1.5 inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-hover pointer-coarse:size-10"
        >
          <ChevronLeft aria-hidden className="size-4" />
        </AppLink>
      }
      actions={
        <>
          {project && <ProjectActions project={project} />}
          <Button
            look="primary"
            disabled={!project}
            aria-keyshortcuts={hasCharacterKeys() ? "c" : undefined}
            icon={<CirclePlus aria-hidden className="size-4" />}
            onClick={newTask}
          >
            New task
          </Button>
        </>
      }
    >
      {error && !project ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : id ? (
        <Board
          key={id}
          projectId={id}
          onOpen={(taskId) => setParameters({ task: taskId }, "push")}
          onCreate={newTask}
        />
      ) : (
        <BoardSkeleton />
      )}
      {openTask && (
        <TaskDialog
          key={openTask}
          taskId={openTask}
          onClose={() => setParameters({ task: null }, "back")}
          onLeft={() => setParameters({ task: null })}
        />
      )}
    </Page>
  );
}
