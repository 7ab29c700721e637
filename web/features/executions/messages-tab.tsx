"use client";
import { MessagesSquare, Search, X } from "lucide-react";
import { useDeferredValue, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import type { Execution, ExecutionStep } from "#contracts";
import { IconButton } from "../../components/ui/button.tsx";
import { Empty, Failure, Loading, Skeleton } from "../../components/ui/states.tsx";
import { isTerminal } from "../../lib/execution-status.ts";
import type { ConnectionState } from "../../lib/follow-execution.ts";
import { plural } from "../../lib/format.ts";
import { isTyping } from "../../lib/shortcuts.ts";
import { MessageList } from "./message-list.tsx";
import { useMessages } from "./use-messages.ts";

interface MessagesTabProps {
  execution: Execution;
  connection: ConnectionState | null;
  step: ExecutionStep | null;
  onClearStep: () => void;
}

/** What is said: all of it, one step of it, or what matches a search. */
export function MessagesTab({ execution, connection, step, onClearStep }: MessagesTabProps) {
  const { data, error, refetch, isPending, loadOlder, olderBusy } = useMessages(execution.id, true, connection);
  const [search, setSearch] = useState("");
  const wanted = useDeferredValue(search.trim());
  const target = useTargetMessage();
  const field = useRef<HTMLInputElement>(null);
  const all = data?.messages;
  const messages = useMemo(() => {
    const words = wanted.toLowerCase();
    return (all ?? []).filter(
      (message) => (!step || message.stepId === step.id) && (!words || message.content.toLowerCase().includes(words)),
    );
  }, [all, step, wanted]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "/" || isTyping(event.target) || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      field.current?.focus();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  const hasOlder = Boolean(data?.olderCursor);
  // A link or a search may mean a message that is not loaded yet; a step with none here, too.
  const missing =
    hasOlder && (messages.length === 0 || (target !== null && !all?.some((message) => message.id === target)));
  useEffect(() => {
    if (missing && !olderBusy) void loadOlder();
  }, [missing, olderBusy, loadOlder]);

  return (
    <>
      <div className="flex h-9 shrink-0 items-center gap-2 border-line border-b px-3 text-xs">
        <Search aria-hidden className="size-3.5 text-faint" />
        <input
          ref={field}
          type="search"
          aria-label="Search the messages"
          aria-keyshortcuts="/"
          placeholder="Search the messages"
          value={search}
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
            {hasOlder && " so far"}
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
      {data?.waitUntilMs && data.waitUntilMs > Date.now() && (
        <p role="status" className="shrink-0 border-line border-b bg-attention-soft px-3 py-1.5 text-attention text-xs">
          Waits for the provider's rate limit until {new Date(data.waitUntilMs).toLocaleTimeString()}.
        </p>
      )}
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
      ) : messages.length === 0 ? (
        <Empty icon={MessagesSquare} title={emptyTitle(execution, wanted, step, missing)} />
      ) : (
        <MessageList
          key={`${step?.id ?? "all"}:${wanted}`}
          messages={messages}
          execution={execution}
          search={wanted}
          hasOlder={hasOlder}
          olderBusy={olderBusy}
          onOlder={() => void loadOlder()}
          target={target}
        />
      )}
    </>
  );
}

function emptyTitle(execution: Execution, search: string, step: ExecutionStep | null, missing: boolean): string {
  if (missing) return "Looking in older messages";
  if (search) return "No message says that";
  if (step) return "This step has said nothing yet";
  if (execution.status === "queued") return "Waits for a free worker";
  return isTerminal(execution.status) ? "It ended before anything was said" : "The first message comes in a moment";
}

/** Id of the message that the address points at (`#message-ID`). */
function useTargetMessage(): string | null {
  const hash = useSyncExternalStore(
    (notify) => {
      window.addEventListener("hashchange", notify);
      return () => window.removeEventListener("hashchange", notify);
    },
    () => window.location.hash,
    () => "",
  );
  return hash.startsWith("#message-") ? hash.slice("#message-".length) : null;
}
