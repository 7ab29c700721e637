"use client";
import { useQueryClient } from "@tanstack/react-query";
import { CircleAlert, CircleCheck, CircleSlash, Hourglass, Layers } from "lucide-react";
import { useState } from "react";
import type { BatchJob, BatchJobAnswer, BatchJobPage, BatchJobState } from "#contracts";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Button } from "../../components/ui/button.tsx";
import Confirm from "../../components/ui/confirm.tsx";
import { Progress } from "../../components/ui/meter.tsx";
import { Moment } from "../../components/ui/moment.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { Empty, Failure } from "../../components/ui/states.tsx";
import { apiSend } from "../../lib/api.ts";
import { plural } from "../../lib/format.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { toastDone } from "../../lib/toast.ts";
import { providerNames } from "../settings/provider-names.ts";
import type { ListQuery } from "./batches-tab.tsx";
import { Deadline } from "./deadline.tsx";

/** Batches at their providers, newest first; an open one can be cancelled. */
export function BatchList({ query }: { query: ListQuery<BatchJobPage> }) {
  const client = useQueryClient();
  const [cancelling, setCancelling] = useState<BatchJob | null>(null);
  const batches = query.data?.pages.flatMap((page) => page.data) ?? [];
  const waiting = query.data?.pages[0]?.waitingCalls ?? 0;
  return (
    <>
      <Panel title="Batches">
        {query.error && !query.data ? (
          <Failure error={query.error} retry={() => void query.refetch()} />
        ) : (
          <>
            {waiting > 0 && (
              <p role="status" className="flex items-center gap-3 border-line border-b px-3 py-2.5 text-muted">
                <Hourglass aria-hidden className="size-4 shrink-0 text-faint" />
                {plural(waiting, "deferred call")} being collected for the next batch
              </p>
            )}
            {batches.length === 0 ? (
              <Empty icon={Layers} title={waiting > 0 ? "No batch yet" : "Nothing is deferred"} className="py-8">
                Run a task “within a day” and its calls go to the provider together, for about half the price. Each such
                batch stands here until its answers are in.
              </Empty>
            ) : (
              <ul className="divide-y divide-line">
                {batches.map((batch) => (
                  <BatchRow key={batch.id} batch={batch} onCancel={() => setCancelling(batch)} />
                ))}
              </ul>
            )}
          </>
        )}
      </Panel>
      {query.hasNextPage && (
        <Button className="self-start" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show older
        </Button>
      )}
      {cancelling && (
        <Confirm
          title="Cancel this batch?"
          action="Cancel the batch"
          onClose={() => setCancelling(null)}
          onConfirm={async () => {
            await apiSend<BatchJobAnswer>("POST", `/api/v1/batch-jobs/${cancelling.id}/cancel`);
            await invalidate(client, "/batch-jobs", "/deferred-calls", "/executions");
            toastDone("The provider is told to stop");
          }}
        >
          <p>
            Its {plural(cancelling.calls - cancelling.doneCalls - cancelling.failedCalls, "open call")} will not be
            answered, and steps that wait for them fail. What the provider has done by then is billed.
          </p>
        </Confirm>
      )}
    </>
  );
}

const looks: Record<BatchJobState, { icon: typeof Layers; tone: string; label: string }> = {
  submitting: { icon: Hourglass, tone: "text-faint", label: "Being handed over" },
  running: { icon: Hourglass, tone: "text-accent", label: "At the provider" },
  cancelling: { icon: CircleSlash, tone: "text-attention", label: "Being cancelled" },
  ended: { icon: CircleCheck, tone: "text-good", label: "Done" },
  failed: { icon: CircleAlert, tone: "text-bad", label: "Failed" },
  cancelled: { icon: CircleSlash, tone: "text-faint", label: "Cancelled" },
};

function BatchRow({ batch, onCancel }: { batch: BatchJob; onCancel: () => void }) {
  const { icon: Icon, tone, label } = looks[batch.state];
  const open = batch.state === "submitting" || batch.state === "running";
  const ended = batch.doneCalls + batch.failedCalls + batch.leftCalls;
  const name = `${providerNames[batch.provider]} ${batch.model}`;
  return (
    <li aria-label={`Batch for ${name}`} className="flex min-h-14 flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2">
      <Icon aria-hidden className={`size-4 shrink-0 ${tone}`} />
      <span className="min-w-40 flex-1">
        <span className="block truncate font-medium">{name}</span>
        <span className="block text-faint text-xs [overflow-wrap:anywhere]">
          {label} · {batch.endedAt ? "ended" : "made"} <Moment iso={batch.endedAt ?? batch.createdAt} />
          {open && <Deadline iso={batch.deadlineAt} />}
          {batch.executionIds.map((id, index) => (
            <span key={id}>
              {" · "}
              <AppLink href={`/executions/${id}`} className="underline">
                {batch.executionIds.length === 1 ? "execution" : `execution ${index + 1}`}
              </AppLink>
            </span>
          ))}
        </span>
        {batch.error && <span className="block text-bad text-xs [overflow-wrap:anywhere]">{batch.error}</span>}
      </span>
      <span className="tabular w-36 text-right text-xs">
        <span className="block font-medium">
          {batch.doneCalls} of {plural(batch.calls, "call")}
        </span>
        {batch.failedCalls > 0 && <span className="block text-bad">{batch.failedCalls} failed</span>}
        {open && <Progress label={`Calls of ${name}`} ended={ended} total={batch.calls} className="mt-1.5" />}
      </span>
      {open && <Button onClick={onCancel}>Cancel</Button>}
    </li>
  );
}
