import type { IncomingMessage } from "node:http";

const arrivedAt = Symbol("arrived at");
type Arrived = IncomingMessage & { [arrivedAt]?: number };

/** Notes when a request arrived (`performance.now()`), on the request itself: a map beside it costs more than the clock. */
export function noteArrival(request: IncomingMessage, at: number): void {
  (request as Arrived)[arrivedAt] = at;
}

/** When a request arrived; one that came through no socket (a page's own reads) arrives when this is first asked. */
export function arrivalOf(request: IncomingMessage): number {
  const arrived = request as Arrived;
  arrived[arrivedAt] ??= performance.now();
  return arrived[arrivedAt];
}
