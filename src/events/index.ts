/** Events of executions: stored in the journal first, then handed to readers of every process. */
export { createEventHub, type EventHub, type EventListener } from "./event-hub.ts";
export { EventPacker, type PackedEvents, type UnpackedEvent } from "./pack-events.ts";
export { readEvents } from "./read-events.ts";
export { type StoredEvent, sseFrames, toExecutionEvent } from "./stored-event.ts";
