"use client";
import { useQuery } from "@tanstack/react-query";
import { Panel } from "../../components/ui/panel.tsx";
import { queries } from "../../lib/queries.ts";
import { ExecutionRow } from "../executions/execution-row.tsx";

/** The last runs of a squad. */
export function SquadExecutions({ squadId }: { squadId: string }) {
  const { data } = useQuery({ ...queries.executions({ squadId, limit: 8 }), staleTime: 5000 });
  if (!data || data.data.length === 0) return null;
  return (
    <Panel title="Its last executions" className="mt-4">
      <ul className="divide-y divide-line">
        {data.data.map((execution) => (
          <ExecutionRow key={execution.id} execution={execution} />
        ))}
      </ul>
    </Panel>
  );
}
