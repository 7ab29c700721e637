"use client";
import { useQuery } from "@tanstack/react-query";
import { Hourglass } from "lucide-react";
import type { BatchJobPage, Execution } from "#contracts";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Moment } from "../../components/ui/moment.tsx";
import { plural } from "../../lib/format.ts";
import { apiQuery } from "../../lib/queries.ts";

/** What a deferred execution waits for. */
export default function DeferredNote({ execution }: { execution: Execution }) {
  const { data } = useQuery({
    ...apiQuery<BatchJobPage>("/api/v1/batch-jobs?limit=100"),
    staleTime: 0,
    refetchInterval: 30_000,
  });
  const batch = data?.data.find(({ executionIds, endedAt }) => !endedAt && executionIds.includes(execution.id));
  return (
    <p
      role="status"
      className="flex flex-wrap items-center gap-x-2 border-line border-t px-4 py-2 text-muted text-xs [overflow-wrap:anywhere]"
    >
      <Hourglass aria-hidden className="size-3.5 shrink-0 text-faint" />
      {batch ? (
        <span>
          Deferred: it waits for a batch of {plural(batch.calls, "call")} at the provider; what is not answered goes
          live <Moment iso={batch.deadlineAt} /> at the latest.
        </span>
      ) : (
        <span>Deferred: its calls are collected and go to the provider in a batch, for about half the price.</span>
      )}
      <AppLink href="/executions?status=batches" className="rounded-xs font-medium text-accent hover:underline">
        Batches
      </AppLink>
    </p>
  );
}
