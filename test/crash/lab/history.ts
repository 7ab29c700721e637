import { isDeepStrictEqual } from "node:util";
import type { ExecutionEvent, ExecutionStatus } from "#contracts";

/** An execution that a Muster has promised to do. */
export interface Acknowledged {
  executionId: string;
  marker: string;
  /** Under which it was sent, if by HTTP. */
  idempotencyKey: string | null;
  atMs: number;
}

/** A moment (or a while) in which the laboratory disturbed something: what was in flight then may be paid twice. */
export interface Disturbance {
  what: string;
  fromMs: number;
  untilMs: number;
  /** Requests that the provider was answering when it began. */
  inFlight: number;
}

/** Everything the outside was told: what a checker holds against the database afterwards. */
export class History {
  readonly acknowledged: Acknowledged[] = [];
  readonly disturbances: Disturbance[] = [];
  /** What breaks a promise the moment it is seen. */
  readonly violations: string[] = [];
  /** Milliseconds from a disturbance to the work going on. */
  readonly recoveriesMs: number[] = [];
  /** Events that readers were shown, by execution and number. */
  readonly shown = new Map<string, Map<number, ExecutionEvent>>();
  readonly #statuses = new Map<string, ExecutionStatus[]>();

  showed(event: ExecutionEvent): void {
    const { executionId, seq } = event;
    let events = this.shown.get(executionId);
    if (!events) {
      events = new Map();
      this.shown.set(executionId, events);
    }
    const before = events.get(seq);
    if (before && !isDeepStrictEqual(before, event)) {
      this.violations.push(`event ${seq} of ${executionId} was shown twice with different content`);
    }
    events.set(seq, event);
  }

  sawStatus(executionId: string, status: ExecutionStatus): void {
    const seen = this.#statuses.get(executionId) ?? [];
    if (seen.at(-1) === status) return;
    const last = seen.at(-1);
    if (last !== undefined && ["completed", "failed", "cancelled", "budget_exceeded"].includes(last)) {
      this.violations.push(`${executionId} went from ${last} to ${status}`);
    }
    seen.push(status);
    this.#statuses.set(executionId, seen);
  }
}
