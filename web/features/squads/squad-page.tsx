"use client";
import { useQuery } from "@tanstack/react-query";
import { ChevronLeft } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import type { Squad } from "#contracts";
import { Page } from "../../components/shell/page.tsx";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Failure } from "../../components/ui/states.tsx";
import { StatusBadge } from "../../components/ui/status.tsx";
import { earlyPart } from "../../lib/page-parts.ts";
import { queries } from "../../lib/queries.ts";
import { useRouteId, useTitle } from "../../lib/use-route.ts";
import { BuilderSkeleton } from "./builder-skeleton.tsx";
import { readDraft } from "./draft.ts";
import { SquadActions } from "./squad-actions.tsx";
import { SquadExecutions } from "./squad-executions.tsx";
import { formFromSquad } from "./squad-form.ts";

const SquadBuilder = earlyPart(
  () => import("./squad-builder.tsx"),
  dynamic(() => import("./squad-builder.tsx"), { ssr: false, loading: BuilderSkeleton }),
);

/** `/squads/ID`: the squad in the builder, and what it did last. */
export function SquadPage() {
  const id = useRouteId();
  const { data, error, refetch } = useQuery({ ...queries.squad(id ?? ""), enabled: id !== null });
  const squad = data?.squad;
  useTitle(squad?.name);
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
          <Builder key={`${squad.id} ${squad.updatedAt}`} squad={squad} />
          <SquadExecutions squadId={squad.id} />
        </>
      ) : (
        <BuilderSkeleton />
      )}
    </Page>
  );
}

/** The builder on one state of a squad. What it begins with is read once: later reads must not undo what is typed. */
function Builder({ squad }: { squad: Squad }) {
  const [start, setStart] = useState(() => {
    const draft = readDraft(squad.id, squad.updatedAt);
    return { initial: draft ?? formFromSquad(squad), restored: draft !== null, round: 0 };
  });
  const startOver = () => setStart({ initial: formFromSquad(squad), restored: false, round: start.round + 1 });
  return (
    <SquadBuilder
      key={start.round}
      squad={squad}
      initial={start.initial}
      restored={start.restored}
      onStartOver={startOver}
    />
  );
}
