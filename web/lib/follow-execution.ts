import type { ExecutionEvent } from "#contracts";
import { type ConnectionState, followStream } from "./follow-stream.ts";

export type { ConnectionState };

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

/**
 * Follows an execution until it ends or the signal fires: events come in groups, in the order of `seq`, each once.
 * A line that was dropped or closed (`followStream`) is taken up after the last event seen.
 */
export async function followExecution(options: FollowOptions): Promise<void> {
  let lastSeq = options.after;
  let ended = false;
  const buffer = createBuffer(options.onEvents, options.bufferMs ?? 120);
  await followStream({
    url: () => `/api/v1/executions/${options.executionId}/events?after=${lastSeq}`,
    onMessage: (data) => {
      const event = parseEvent(data);
      if (!event || event.seq <= lastSeq) return;
      lastSeq = event.seq;
      if (event.type === "execution-end") ended = true;
      buffer.add(event);
    },
    onBreak: buffer.flush,
    isOver: () => ended,
    onState: options.onState,
    signal: options.signal,
    fetchStream: options.fetchStream,
  });
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

/** Of the time at most this share goes into drawing what came: the rest is for who scrolls, types and reads. */
const drawingShare = 0.15;
/** What comes is never held back for longer. */
const longestBufferMs = 500;

/** Resolves when what was handed on is on the screen, or would be if anyone looked. */
function drawn(): Promise<void> {
  if (typeof requestAnimationFrame === "undefined" || document.hidden) return Promise.resolve();
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

/**
 * Gathers events for `bufferMs`, longer where drawing them takes long: a slow machine that draws less often draws less,
 * since what came and went meanwhile is never drawn.
 */
function createBuffer(onEvents: (events: ExecutionEvent[]) => void, bufferMs: number) {
  let events: ExecutionEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let drawingMs = 0;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (events.length === 0) return;
    const batch = events;
    events = [];
    const began = performance.now();
    onEvents(batch);
    void drawn().then(() => {
      drawingMs = performance.now() - began;
    });
  };
  return {
    add(event: ExecutionEvent) {
      events.push(event);
      timer ??= setTimeout(flush, Math.max(bufferMs, Math.min(longestBufferMs, drawingMs / drawingShare)));
    },
    flush,
  };
}
