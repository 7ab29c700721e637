"use client";
import { useQueryClient } from "@tanstack/react-query";
import clsx from "clsx";
import { CircleAlert, CircleCheck, CircleSlash, Hourglass, Zap } from "lucide-react";
import { useState } from "react";
import type { DeferredCall, DeferredCallAnswer, DeferredCallPage, DeferredCallState } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import Confirm from "../../components/ui/confirm.tsx";
import { Moment } from "../../components/ui/moment.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { Failure } from "../../components/ui/states.tsx";
import { apiSend } from "../../lib/api.ts";
import { formatMoney } from "../../lib/format.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { modelName } from "../../lib/model-name.ts";
import { toastDone } from "../../lib/toast.ts";
import { useSearchState } from "../../lib/use-route.ts";
import type { ListQuery } from "./batches-tab.tsx";
import { Deadline } from "./deadline.tsx";
import { DeferredCallDialog } from "./deferred-call-dialog.tsx";
import { isOpen, stateLabels } from "./deferred-call-states.ts";

/** Calls that were deferred one by one, newest first; one opens with its answer (`?call=ID`), an open one can be cancelled. */
export function DeferredCallList({ query }: { query: ListQuery<DeferredCallPage> }) {
  const client = useQueryClient();
  const [search, setSearch] = useSearchState();
  const [cancelling, setCancelling] = useState<DeferredCall | null>(null);
  const calls = query.data?.pages.flatMap((page) => page.data) ?? [];
  const openId = search.get("call");
  const close = () => setSearch({ call: null });
  return (
    <>
      <Panel title="Single calls">
        {query.error && !query.data ? (
          <Failure error={query.error} retry={() => void query.refetch()} />
        ) : calls.length === 0 ? (
          <p className="mx-auto max-w-lg text-balance px-6 py-8 text-center text-muted">
            None. Send a chat completion with the header{" "}
            <code className="whitespace-nowrap rounded-sm bg-hover px-1 font-mono text-xs">
              x-muster-lane: deferred
            </code>{" "}
            and it waits here for its provider’s batch, then for you.
          </p>
        ) : (
          <ul className="divide-y divide-line">
            {calls.map((call) => (
              <CallRow
                key={call.id}
                call={call}
                onOpen={() => setSearch({ call: call.id })}
                onCancel={() => setCancelling(call)}
              />
            ))}
          </ul>
        )}
      </Panel>
      {query.hasNextPage && (
        <Button className="self-start" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show older calls
        </Button>
      )}
      {openId && (
        <DeferredCallDialog
          id={openId}
          listed={calls.find((call) => call.id === openId) ?? null}
          onClose={close}
          onCancel={(call) => {
            close();
            setCancelling(call);
          }}
        />
      )}
      {cancelling && (
        <Confirm
          title="Cancel this call?"
          action="Cancel the call"
          onClose={() => setCancelling(null)}
          onConfirm={async () => {
            try {
              await apiSend<DeferredCallAnswer>("POST", `/api/v1/deferred-calls/${cancelling.id}/cancel`);
            } finally {
              // Refused, it has ended meanwhile.
              await invalidate(client, "/deferred-calls", "/batch-jobs");
            }
            toastDone("Call cancelled");
          }}
        >
          <p>
            It will not be answered any more. What its batch has done of it by then is billed; ask it again if you need
            it after all.
          </p>
        </Confirm>
      )}
    </>
  );
}

const looks: Record<DeferredCallState, { icon: typeof Zap; tone: string }> = {
  waiting: { icon: Hourglass, tone: "text-faint" },
  batched: { icon: Hourglass, tone: "text-accent" },
  live: { icon: Zap, tone: "text-accent" },
  completed: { icon: CircleCheck, tone: "text-good" },
  failed: { icon: CircleAlert, tone: "text-bad" },
  cancelled: { icon: CircleSlash, tone: "text-faint" },
};

function CallRow({ call, onOpen, onCancel }: { call: DeferredCall; onOpen: () => void; onCancel: () => void }) {
  const { icon: Icon, tone } = looks[call.state];
  const open = isOpen(call.state);
  return (
    <li
      aria-label={`Call to ${modelName(call.model)}`}
      className="relative flex min-h-14 items-center gap-x-3 px-3 py-2 [contain-intrinsic-size:auto_3.5rem] [content-visibility:auto] hover:bg-hover"
    >
      <Icon aria-hidden className={clsx("size-4 shrink-0", tone)} />
      {/* The button's edge is that of the row, so that all of it opens the call; Cancel lies above. */}
      <button
        type="button"
        aria-haspopup="dialog"
        onClick={onOpen}
        className="min-w-0 flex-1 text-left outline-none after:absolute after:inset-0 focus-visible:after:outline-2 focus-visible:after:outline-accent focus-visible:after:-outline-offset-2"
      >
        <span className="block truncate font-medium" title={call.model}>
          {modelName(call.model)}
        </span>
        <span className="block text-faint text-xs">
          {stateLabels[call.state]} · {call.endedAt ? "ended" : "asked"}{" "}
          <Moment iso={call.endedAt ?? call.createdAt} className="whitespace-nowrap" />
          {open && call.state !== "live" && <Deadline iso={call.deadlineAt} />}
        </span>
        {call.error && <span className="line-clamp-2 text-bad text-xs [overflow-wrap:anywhere]">{call.error}</span>}
      </button>
      <span className="flex shrink-0 flex-col items-end gap-x-3 gap-y-1 sm:flex-row sm:items-center">
        <Cost nanoUsd={call.costNanoUsd} open={open} />
        {open && (
          <Button small className="relative" onClick={onCancel}>
            Cancel
          </Button>
        )}
      </span>
    </li>
  );
}

function Cost({ nanoUsd, open }: { nanoUsd: number | null; open: boolean }) {
  if (nanoUsd !== null) return <span className="tabular font-medium text-xs">{formatMoney(nanoUsd)}</span>;
  return <span className="text-faint text-xs">{open ? "no cost yet" : `cost ${formatMoney(null)}`}</span>;
}
