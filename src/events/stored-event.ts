import type { ExecutionEvent, ExecutionEventType } from "#contracts";

/** An event as it was committed, ready to be written to any number of readers. */
export interface StoredEvent {
  executionId: string;
  seq: number;
  type: ExecutionEventType;
  at: string;
  data: Record<string, unknown>;
}

/** The event as a client reads it: ids, time and body on one level. */
export function toExecutionEvent(event: StoredEvent): ExecutionEvent {
  return {
    executionId: event.executionId,
    seq: event.seq,
    at: event.at,
    type: event.type,
    ...event.data,
  } as ExecutionEvent;
}

const frames = new WeakMap<StoredEvent, Buffer>();

/** The event as one Server-Sent Events frame (WHATWG HTML, 9.2); built once, shared by all readers. */
function sseFrame(event: StoredEvent): Buffer {
  let frame = frames.get(event);
  if (!frame) {
    frame = Buffer.from(`id: ${event.seq}\ndata: ${JSON.stringify(toExecutionEvent(event))}\n\n`);
    frames.set(event, frame);
  }
  return frame;
}

const joined = new WeakMap<readonly StoredEvent[], Buffer>();

/** The frames of several events in one piece; built once for a list, shared by all readers that are handed the same. */
export function sseFrames(events: readonly StoredEvent[]): Buffer {
  let frames = joined.get(events);
  if (!frames) {
    const [only] = events;
    frames = events.length === 1 && only ? sseFrame(only) : Buffer.concat(events.map(sseFrame));
    joined.set(events, frames);
  }
  return frames;
}
