"use client";
import { useQuery } from "@tanstack/react-query";
import { ChevronLeft } from "lucide-react";
import dynamic from "next/dynamic";
import { Page } from "../../components/shell/page.tsx";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Failure } from "../../components/ui/states.tsx";
import { StatusBadge } from "../../components/ui/status.tsx";
import { queries } from "../../lib/queries.ts";
import { useRouteId, useTitle } from "../../lib/use-route.ts";
import { BuilderSkeleton } from "./builder-skeleton.tsx";
import { readDraft } from "./draft.ts";
import { SquadActions } from "./squad-actions.tsx";
import { SquadExecutions } from "./squad-executions.tsx";
import { formFromSquad } from "./squad-form.ts";

const SquadBuilder = dynamic(() => import("./squad-builder.tsx"), { ssr: false, loading: BuilderSkeleton });

/** `/squads/ID`: the squad in the builder, and what it did last. */
export function SquadPage() {
  const id = useRouteId();
  const { data, error, refetch } = useQuery({ ...queries.squad(id ?? ""), enabled: id !== null });
  const squad = data?.squad;
  useTitle(squad?.name);
  const draft = squad ? readDraft(squad.id, squad.updatedAt) : null;
  return (
    <Page
      title={squad?.name ?? "Squad"}
      before={
        <AppLink
          href="/squads"
          aria-label="All squads"
          className="-ml-1.5 inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-hover"
        >
          <ChevronLeft aria-hidden className="size-4" />
        </AppLink>
      }
      actions={
        squad && (
          <>
            {squad.status !== "active" && <StatusBadge status={squad.status} className="h-6" />}
            <SquadActions squad={squad} />
          </>
        )
      }
    >
      {error && !squad ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : squad ? (
        <>
          <SquadBuilder
            key={`${squad.id} ${squad.updatedAt}`}
            squad={squad}
            initial={draft ?? formFromSquad(squad)}
            restored={draft !== null}
          />
          <SquadExecutions squadId={squad.id} />
        </>
      ) : (
        <BuilderSkeleton />
      )}
    </Page>
  );
}
