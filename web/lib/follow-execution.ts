import type { ExecutionEvent } from "#contracts";
import { readEventStream } from "./event-stream.ts";

export type ConnectionState = "connecting" | "live" | "reconnecting" | "ended";

export interface FollowOptions {
  executionId: string;
  /** The stream begins after this sequence number. */
  after: number;
  onEvents: (events: ExecutionEvent[]) => void;
  onState: (state: ConnectionState) => void;
  signal: AbortSignal;
  /** How long events are gathered before they are handed on. */
  bufferMs?: number;
  fetchStream?: (url: string, signal: AbortSignal) => Promise<Response>;
}

/** Three heartbeats of the server (15 s each) may be missed before the line counts as dead. */
const silenceMs = 45_000;

const openStream = (url: string, signal: AbortSignal) =>
  fetch(url, { headers: { accept: "text/event-stream" }, cache: "no-store", signal });

/**
 * Follows an execution until it ends or the signal fires: events come in groups, in the order of `seq`, each once.
 * A dropped line is taken up again after the last event seen, waiting 0.3 s and up to 5 s between attempts. While the
 * page is hidden the line is closed (a browser allows six per server) and taken up when it is shown again.
 */
export async function followExecution(options: FollowOptions): Promise<void> {
  const { signal, onState } = options;
  let lastSeq = options.after;
  let failures = 0;
  let ended = false;
  const buffer = createBuffer(options.onEvents, options.bufferMs ?? 120);
  const accept = (event: ExecutionEvent) => {
    if (event.seq <= lastSeq) return;
    lastSeq = event.seq;
    failures = 0;
    if (event.type === "execution-end") ended = true;
    buffer.add(event);
  };

  onState("connecting");
  while (!signal.aborted && !ended) {
    await untilVisible(signal);
    if (signal.aborted) break;
    const outcome = await readOnce(options, lastSeq, accept, () => onState("live"));
    buffer.flush();
    if (ended || outcome === "gone" || signal.aborted) break;
    if (outcome === "hidden") continue;
    onState("reconnecting");
    failures += 1;
    await pause(Math.min(5000, 300 * 2 ** (failures - 1)), signal);
  }
  buffer.flush();
  if (!signal.aborted) onState("ended");
}

/** One connection, to its end. `gone`: the server says that there is nothing (more) to follow. */
async function readOnce(
  options: FollowOptions,
  after: number,
  accept: (event: ExecutionEvent) => void,
  onOpen: () => void,
): Promise<"dropped" | "hidden" | "gone"> {
  const line = new AbortController();
  let hidden = false;
  let silence: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(silence);
    silence = setTimeout(() => line.abort(), silenceMs);
  };
  const onHide = () => {
    hidden = document.visibilityState === "hidden";
    if (hidden) line.abort();
  };
  const onStop = () => line.abort();
  if (typeof document !== "undefined") document.addEventListener("visibilitychange", onHide);
  options.signal.addEventListener("abort", onStop);
  try {
    alive();
    const url = `/api/v1/executions/${options.executionId}/events?after=${after}`;
    const response = await (options.fetchStream ?? openStream)(url, line.signal);
    if (response.status === 204 || (response.status >= 400 && response.status < 500 && response.status !== 429)) {
      return "gone";
    }
    if (!response.ok) return "dropped";
    onOpen();
    await readEventStream(
      response,
      (message) => {
        const event = parseEvent(message.data);
        if (event) accept(event);
      },
      alive,
    );
    return "dropped";
  } catch {
    // An abort or a broken line: the loop above decides what comes next.
    return hidden ? "hidden" : "dropped";
  } finally {
    clearTimeout(silence);
    options.signal.removeEventListener("abort", onStop);
    if (typeof document !== "undefined") document.removeEventListener("visibilitychange", onHide);
    line.abort();
  }
}

function parseEvent(data: string): ExecutionEvent | null {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null && "seq" in value && "type" in value
      ? (value as ExecutionEvent)
      : null;
  } catch {
    // A line that is no JSON is not an event of ours; the gap in `seq` would show it.
    return null;
  }
}

function createBuffer(onEvents: (events: ExecutionEvent[]) => void, bufferMs: number) {
  let events: ExecutionEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (events.length === 0) return;
    const batch = events;
    events = [];
    onEvents(batch);
  };
  return {
    add(event: ExecutionEvent) {
      events.push(event);
      timer ??= setTimeout(flush, bufferMs);
    },
    flush,
  };
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function untilVisible(signal: AbortSignal): Promise<void> {
  if (typeof document === "undefined" || document.visibilityState !== "hidden") return Promise.resolve();
  return new Promise((resolve) => {
    const check = () => {
      if (document.visibilityState === "hidden" && !signal.aborted) return;
      document.removeEventListener("visibilitychange", check);
      resolve();
    };
    document.addEventListener("visibilitychange", check);
    signal.addEventListener("abort", check);
  });
}
