"use client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { ReceiptText, X } from "lucide-react";
import type { Execution, ExecutionStep, LlmCallPage, LlmCallView } from "#contracts";
import { Button, IconButton } from "../../components/ui/button.tsx";
import { ScrollRegion } from "../../components/ui/scroll-region.tsx";
import { Empty, Failure, Loading, Skeleton } from "../../components/ui/states.tsx";
import { Badge } from "../../components/ui/status.tsx";
import { apiGet, queryString } from "../../lib/api.ts";
import { formatCount, formatDuration, formatMoney } from "../../lib/format.ts";

interface CallsTabProps {
  execution: Execution;
  step: ExecutionStep | null;
  onClearStep: () => void;
}

/** Every request to a provider: where the time and the money went. */
export function CallsTab({ execution, step, onClearStep }: CallsTabProps) {
  const query = useInfiniteQuery({
    queryKey: [`/executions/${execution.id}/llm-calls`, "all", step?.id ?? null],
    queryFn: ({ pageParam, signal }) =>
      apiGet<LlmCallPage>(
        `/api/v1/executions/${execution.id}/llm-calls${queryString({ stepId: step?.id, limit: 100, cursor: pageParam })}`,
        signal,
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.nextCursor,
    staleTime: 0,
  });
  const calls = query.data?.pages.flatMap((page) => page.data) ?? [];
  const longest = Math.max(1, ...calls.map((call) => (call.latencyMs ?? 0) + (call.rateWaitMs ?? 0)));
  if (query.error && calls.length === 0) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (query.isPending) {
    return (
      <Loading label="Loading calls" className="flex flex-col gap-2 p-3">
        {[1, 2, 3, 4, 5].map((line) => (
          <Skeleton key={line} className="h-8" />
        ))}
      </Loading>
    );
  }
  return (
    <ScrollRegion label="LLM calls" className="min-h-0 flex-1">
      {step && (
        <p className="flex h-9 items-center gap-1 px-3 text-muted text-xs">
          Calls of “{step.title}”
          <IconButton label="Show all steps" className="size-6" onClick={onClearStep}>
            <X aria-hidden className="size-3.5" />
          </IconButton>
        </p>
      )}
      {calls.length === 0 ? (
        <Empty icon={ReceiptText} title="No call yet">
          Each request to a model stands here with its tokens, price, cache result, wait and latency.
        </Empty>
      ) : (
        <table className="tabular w-full min-w-[38rem] text-xs">
          <thead className="sticky top-0 bg-surface text-left text-faint">
            <tr className="[&>th]:border-line [&>th]:border-b [&>th]:px-3 [&>th]:py-2 [&>th]:font-medium">
              <th>Member</th>
              <th>Step</th>
              <th className="whitespace-nowrap text-right">Tokens in / out</th>
              <th className="text-right">Cost</th>
              <th>Cache</th>
              <th className="w-44">Time</th>
            </tr>
          </thead>
          <tbody className="[&>tr>td]:border-line [&>tr>td]:border-b [&>tr>td]:px-3 [&>tr>td]:py-1.5">
            {calls.map((call) => (
              <CallRow key={call.id} call={call} execution={execution} longest={longest} />
            ))}
          </tbody>
        </table>
      )}
      {query.hasNextPage && (
        <Button className="m-3" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </ScrollRegion>
  );
}

/** A call that is done is the usual case and says nothing. */
const stateLabels: Record<Exclude<LlmCallView["state"], "done">, string> = {
  started: "Under way",
  failed: "Failed",
  lost: "Answer lost",
  cancelled: "Cancelled",
};

const cacheLabels: Record<NonNullable<LlmCallView["cacheResult"]>, string> = {
  hit: "Hit",
  coalesced: "Shared",
  miss: "Miss",
  bypass: "Not cached",
};

function CallRow({ call, execution, longest }: { call: LlmCallView; execution: Execution; longest: number }) {
  const member = execution.squad.members.find((one) => one.id === call.memberId);
  const step = execution.steps.find((one) => one.id === call.stepId);
  const saved = call.cacheResult === "hit" || call.cacheResult === "coalesced";
  return (
    <tr className="align-top">
      <td>
        <span className="block font-medium">{member?.name ?? "Muster"}</span>
        <span className="text-faint">{call.model}</span>
        {call.state !== "done" && (
          <Badge tone={call.state === "failed" || call.state === "lost" ? "bad" : "neutral"} className="ml-1.5">
            {stateLabels[call.state]}
          </Badge>
        )}
        {call.attempts > 1 && <span className="block text-attention">{call.attempts} attempts</span>}
        {call.error && <span className="line-clamp-2 block max-w-72 text-bad">{call.error}</span>}
        {call.trimmed && (
          <span className="block text-faint">History trimmed by {formatCount(call.trimmed.droppedTokens)} tokens</span>
        )}
      </td>
      <td className="max-w-40 text-muted">
        <span className="line-clamp-2 min-w-30">{step?.title}</span>
      </td>
      <td className="text-right">
        {formatCount(call.inputTokens)} / {formatCount(call.outputTokens)}
        {call.cacheReadTokens > 0 && (
          <span className="block text-good">{formatCount(call.cacheReadTokens)} from prefix</span>
        )}
      </td>
      <td className="text-right">
        {formatMoney(call.costNanoUsd)}
        {call.savedNanoUsd !== null && call.savedNanoUsd > 0 && (
          <span className="block text-good">saved {formatMoney(call.savedNanoUsd)}</span>
        )}
      </td>
      <td>{call.cacheResult && <Badge tone={saved ? "good" : "neutral"}>{cacheLabels[call.cacheResult]}</Badge>}</td>
      <td>
        <TimeBar call={call} longest={longest} />
      </td>
    </tr>
  );
}

/** Below it, a wait for the rate limit is only what the asking takes. */
const shownWaitMs = 100;

function TimeBar({ call, longest }: { call: LlmCallView; longest: number }) {
  const wait = call.rateWaitMs ?? 0;
  const whole = call.latencyMs ?? 0;
  const first = Math.min(whole, call.timeToFirstTokenMs ?? 0);
  const share = (milliseconds: number) => `${(milliseconds / longest) * 100}%`;
  return (
    <div>
      <div aria-hidden className="flex h-1.5 overflow-hidden rounded-full bg-hover">
        <span className="bg-attention" style={{ width: share(wait) }} />
        <span className="bg-line-strong" style={{ width: share(first) }} />
        <span className="bg-accent" style={{ width: share(whole - first) }} />
      </div>
      {call.latencyMs !== null && (
        <span className="mt-0.5 flex justify-between gap-2 whitespace-nowrap">
          {formatDuration(call.latencyMs)}
          {call.timeToFirstTokenMs !== null && (
            <span className="text-faint">first token {formatDuration(call.timeToFirstTokenMs)}</span>
          )}
        </span>
      )}
      {wait >= shownWaitMs && <span className="block text-attention">waited {formatDuration(wait)} before it</span>}
    </div>
  );
}
