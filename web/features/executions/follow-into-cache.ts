import type { QueryClient } from "@tanstack/react-query";
import type { ExecutionAnswer, ExecutionEvent } from "#contracts";
import { type ConnectionState, followExecution } from "../../lib/follow-execution.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { applyToExecution, applyToMessages, type LiveMessages } from "./apply-events.ts";

/** Where the loaded and streamed messages of an execution are kept in the query cache. */
export const messagesKey = (executionId: string) => [`/executions/${executionId}/messages`, "live"] as const;

/** Takes events into everything the cache holds of the execution. */
function patchExecution(client: QueryClient, executionId: string, events: ExecutionEvent[]): void {
  client.setQueryData<ExecutionAnswer>(queries.execution(executionId).queryKey, (answer) =>
    answer ? { execution: applyToExecution(answer.execution, events) } : answer,
  );
  client.setQueryData<LiveMessages>(messagesKey(executionId), (live) => (live ? applyToMessages(live, events) : live));
}

/** The lists of calls and of files are read anew this often at most, while calls begin and end. */
const listsRefreshMs = 2000;

/** Tools that change no file: every other one, known here or not, may have. */
const readingTools = new Set(["list_files", "read_file", "search_files"]);

/** Tells for a run of events whether a tool call ended that may have written a file; calls may begin in an earlier run. */
function createFileWatch() {
  const reading = new Set<string>();
  return (events: ExecutionEvent[]): boolean => {
    let written = false;
    for (const event of events) {
      if (event.type === "tool-start" && readingTools.has(event.tool)) reading.add(event.toolCallId);
      else if (event.type === "tool-end" && !reading.delete(event.toolCallId)) written = true;
    }
    return written;
  };
}

/** Runs something now, and again at most once per interval, the last wish never lost. */
function createThrottle(work: () => unknown, everyMs: number) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wanted = false;
  const run = () => {
    if (timer) {
      wanted = true;
      return;
    }
    work();
    timer = setTimeout(() => {
      timer = undefined;
      if (!wanted) return;
      wanted = false;
      run();
    }, everyMs);
  };
  return { run, cancel: () => clearTimeout(timer) };
}

/** Follows an execution from where the cache stands until stopped, and patches the cache; at its end lists are read anew. */
export function followIntoCache(
  client: QueryClient,
  executionId: string,
  signal: AbortSignal,
  onState: (state: ConnectionState) => void,
): void {
  const key = queries.execution(executionId).queryKey;
  const calls = createThrottle(() => invalidate(client, `/executions/${executionId}/llm-calls`), listsRefreshMs);
  const files = createThrottle(() => invalidate(client, `/executions/${executionId}/files`), listsRefreshMs);
  const mayHaveWritten = createFileWatch();
  for (const { cancel } of [calls, files]) signal.addEventListener("abort", cancel, { once: true });
  void followExecution({
    executionId,
    after: client.getQueryData<ExecutionAnswer>(key)?.execution.lastSeq ?? 0,
    signal,
    onState,
    onEvents: (events) => {
      patchExecution(client, executionId, events);
      if (events.some((event) => event.type === "usage" || event.type === "message-start")) calls.run();
      if (mayHaveWritten(events)) files.run();
      if (!events.some((event) => event.type === "execution-end")) return;
      void client.invalidateQueries({ queryKey: key });
      void invalidate(
        client,
        "/dashboard",
        "/me",
        "/notifications",
        "/tasks",
        "/usage",
        `/executions/${executionId}/files`,
      );
      void client.invalidateQueries({ queryKey: ["/executions"] });
    },
  });
}
