"use client";
import { useQuery } from "@tanstack/react-query";
import { Play } from "lucide-react";
import type { ReactNode } from "react";
import { Panel } from "../../components/ui/panel.tsx";
import { Empty, Failure, Loading, Skeletons } from "../../components/ui/states.tsx";
import { queries } from "../../lib/queries.ts";
import { ExecutionRow } from "../executions/execution-row.tsx";

/** The last runs of a squad; `action` is what to do where it has none. */
export function SquadExecutions({ squadId, action }: { squadId: string; action: ReactNode }) {
  const { data, error, refetch } = useQuery({ ...queries.executions({ squadId, limit: 8 }), staleTime: 5000 });
  return (
    <Panel title="Last executions" className="mt-4">
      {error && !data ? (
        <Failure error={error} retry={() => void refetch()} className="py-9" />
      ) : !data ? (
        <Loading label="Loading its executions" className="flex flex-col gap-px">
          <Skeletons count={3} className="mx-3 my-3 h-6" />
        </Loading>
      ) : data.data.length === 0 ? (
        <Empty icon={Play} title="It has not run yet" className="py-9" action={action}>
          Give it a task: what it does with it, says and costs stands here.
        </Empty>
      ) : (
        <ul className="divide-y divide-line">
          {data.data.map((execution) => (
            <ExecutionRow key={execution.id} execution={execution} />
          ))}
        </ul>
      )}
    </Panel>
  );
}
