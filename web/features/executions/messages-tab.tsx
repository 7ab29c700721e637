"use client";
import { MessagesSquare, Search, X } from "lucide-react";
import { useDeferredValue, useMemo, useRef, useState } from "react";
import type { Execution, ExecutionStep } from "#contracts";
import { Button, IconButton } from "../../components/ui/button.tsx";
import { ScrollRegion } from "../../components/ui/scroll-region.tsx";
import { useSearchKey } from "../../components/ui/search-field.tsx";
import { Empty, Failure, Loading, Skeleton } from "../../components/ui/states.tsx";
import { isTerminal } from "../../lib/execution-status.ts";
import type { ConnectionState } from "../../lib/follow-execution.ts";
import { plural } from "../../lib/format.ts";
import { MessageList } from "./message-list.tsx";
import { useNarrowed } from "./use-found-messages.ts";
import { useMessages } from "./use-messages.ts";
import { type Target, useTarget } from "./use-target.ts";

interface MessagesTabProps {
  execution: Execution;
  connection: ConnectionState | null;
  step: ExecutionStep | null;
  onClearStep: () => void;
}

/** What is said: all of it, one step of it, or what matches a search. */
export function MessagesTab({ execution, connection, step, onClearStep }: MessagesTabProps) {
  const live = useMessages(execution.id, true, connection);
  const { data, error, refetch, isPending } = live;
  const [search, setSearch] = useState("");
  const wanted = useDeferredValue(search.trim());
  const target = useTarget(execution.id, data, live.adopt);
  const field = useRef<HTMLInputElement>(null);
  const shortcut = useSearchKey(field);
  const narrowing = useMemo(() => ({ words: wanted, stepId: step?.id ?? null }), [wanted, step?.id]);
  const narrowed = wanted !== "" || step !== null;
  const all = useNarrowed(execution.id, narrowing, live);
  const passage = narrowed ? null : target.passage;
  const { messages, older } = passage ?? all;

  return (
    <>
      <div className="flex h-9 pointer-coarse:h-10.25 shrink-0 items-center gap-2 border-line border-b px-3 text-xs">
        <Search aria-hidden className="size-3.5 text-faint" />
        <input
          ref={field}
          type="search"
          aria-label="Search the messages"
          aria-keyshortcuts={shortcut}
          placeholder="Search the messages"
          value={search}
          maxLength={120}
          onChange={(event) => setSearch(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return;
            setSearch("");
            event.currentTarget.blur();
          }}
          className="h-full min-w-0 flex-1 rounded-xs bg-transparent text-sm -outline-offset-2"
        />
        {wanted && (
          <span role="status" className="tabular shrink-0 text-faint">
            {plural(messages.length, "match", "matches")}
            {older.state !== "none" && " so far"}
          </span>
        )}
        {step && (
          <span className="flex h-6 min-w-0 items-center gap-1 rounded-md bg-hover pl-2">
            <span className="truncate">{step.title}</span>
            <IconButton label="Show all steps" className="size-6" onClick={onClearStep}>
              <X aria-hidden className="size-3.5" />
            </IconButton>
          </span>
        )}
      </div>
      {step?.error && (
        <ScrollRegion
          label={`What went wrong in “${step.title}”`}
          className="max-h-24 shrink-0 border-line border-b bg-bad-soft px-3 py-1.5 text-bad text-xs [overflow-wrap:anywhere]"
        >
          <p role="status">{step.error}</p>
        </ScrollRegion>
      )}
      {data?.waitUntilMs && data.waitUntilMs > Date.now() && (
        <p role="status" className="shrink-0 border-line border-b bg-attention-soft px-3 py-1.5 text-attention text-xs">
          Waits for the provider's rate limit until {new Date(data.waitUntilMs).toLocaleTimeString()}.
        </p>
      )}
      <TargetNote state={target.state} retry={target.retry} />
      {error && !data ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : isPending ? (
        <Loading label="Loading messages" className="flex flex-col gap-5 p-4">
          {[64, 120, 88, 140].map((height) => (
            <div key={height} className="flex gap-3">
              <Skeleton className="size-6 rounded-full" />
              <div className="flex-1" style={{ height }}>
                <Skeleton className="h-full" />
              </div>
            </div>
          ))}
        </Loading>
      ) : messages.length === 0 && older.state === "failed" ? (
        <Failure error={older.error} retry={() => void older.load()} />
      ) : messages.length === 0 ? (
        <Empty icon={MessagesSquare} title={emptyTitle(execution, wanted, step, older.state !== "none")} />
      ) : (
        <MessageList
          key={`${step?.id ?? "all"}:${wanted}:${narrowed ? "" : target.place}`}
          messages={messages}
          execution={execution}
          search={wanted}
          narrowed={narrowed}
          older={older.state}
          onOlder={older.load}
          newer={passage?.newer.state ?? "none"}
          onNewer={passage?.newer.load}
          onNewest={target.leave}
          target={target.id}
        />
      )}
    </>
  );
}

/** What has become of the message that the address points at, while it is not in the list. */
function TargetNote({ state, retry }: Pick<Target, "state" | "retry">) {
  if (state === "none" || state === "loaded" || state === "apart") return null;
  return (
    <div
      role="status"
      className="flex min-h-8 shrink-0 items-center gap-2 border-line border-b bg-attention-soft px-3 py-1 text-attention text-xs"
    >
      {state === "absent" && "The message of this link is not here. The newest ones are shown."}
      {state === "failed" && (
        <>
          The message of this link could not be looked for.
          <Button small onClick={retry}>
            Try again
          </Button>
        </>
      )}
      {state === "asking" && "The message of this link is older: it is being fetched."}
    </div>
  );
}

function emptyTitle(execution: Execution, search: string, step: ExecutionStep | null, missing: boolean): string {
  if (missing) return "Looking in older messages";
  if (search) return "No message says that";
  if (step) return "This step has said nothing yet";
  if (execution.status === "queued") return "Waits for a free worker";
  return isTerminal(execution.status) ? "It ended before anything was said" : "The first message comes in a moment";
}
