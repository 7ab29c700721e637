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
import { StatusBadge } from "../../components/ui/status.tsx";
import { earlyPart } from "../../lib/page-parts.ts";
import { queries } from "../../lib/queries.ts";
import { useRouteId, useTitle } from "../../lib/use-route.ts";
import { BuilderSkeleton } from "./builder-skeleton.tsx";
import { SquadActions } from "./squad-actions.tsx";
import { SquadExecutions } from "./squad-executions.tsx";

const StoredSquadBuilder = earlyPart(
  () => import("./stored-squad-builder.tsx"),
  dynamic(() => import("./stored-squad-builder.tsx"), { ssr: false, loading: BuilderSkeleton }),
);

/** `/squads/ID`: the squad in the builder, and what it did last. */
export function SquadPage() {
  const id = useRouteId();
  const { data, error, refetch } = useQuery({ ...queries.squad(id ?? ""), enabled: id !== null });
  const me = useQuery(queries.me());
  const openNewTask = use(NewTask);
  const squad = data?.squad;
  useTitle(squad?.name);
  // One that is paused or archived takes no task.
  const newTask = squad?.status === "active" && (
    <Button icon={<CirclePlus aria-hidden className="size-4" />} onClick={openNewTask}>
      New task
    </Button>
  );
  return (
    <Page
      title={squad?.name ?? "Squad"}
      before={
        <AppLink
          href="/squads"
          aria-label="All squads"
          className="-ml-1.5 inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-hover pointer-coarse:size-10"
        >
          <ChevronLeft aria-hidden className="size-4" />
        </AppLink>
      }
      actions={
        squad && (
          <>
            {squad.status !== "active" && <StatusBadge status={squad.status} className="h-6" />}
            <SquadActions squad={squad} />
            {newTask}
          </>
        )
      }
    >
      {error && !squad ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : squad && !me.isPending ? (
        // It begins with the draft of who is signed in, so it waits until that is known.
        <>
          <StoredSquadBuilder key={squad.id} squad={squad} />
          <SquadExecutions squadId={squad.id} action={newTask} />
        </>
      ) : (
        <BuilderSkeleton />
      )}
    </Page>
  );
}
