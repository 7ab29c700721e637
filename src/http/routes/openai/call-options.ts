import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError } from "#contracts";
import { type Caller, newId } from "#domain";
import type { LlmCallContext } from "#llm";

const cacheModes = ["auto", "force", "off"] as const;
const lanes = ["interactive", "micro_batch"] as const;
const longestDeadlineMs = 86_400_000;

function oneOf<Value extends string>(request: FastifyRequest, header: string, values: readonly Value[]): Value | null {
  const given = request.headers[header];
  if (given === undefined) return null;
  const value = values.find((one) => one === given);
  if (value === undefined) throw new AppError("validation_failed", `${header}: one of ${values.join(", ")}.`);
  return value;
}

/** `x-muster-deadline-ms`: milliseconds from now in which the call must have started; later it is refused, not made. */
function deadlineOf(request: FastifyRequest): number | null {
  const given = request.headers["x-muster-deadline-ms"];
  if (given === undefined) return null;
  const milliseconds = Number(given);
  if (!Number.isInteger(milliseconds) || milliseconds < 1 || milliseconds > longestDeadlineMs) {
    throw new AppError("validation_failed", `x-muster-deadline-ms: a whole number from 1 to ${longestDeadlineMs}.`);
  }
  return Date.now() + milliseconds;
}

/**
 * What a client says of a call beside OpenAI's own fields: `x-muster-cache-control` or the field `cache` (auto, force,
 * off), `x-muster-deadline-ms`, and `x-muster-lane` (interactive, or micro_batch: may wait for others to share a request).
 */
export function callContext(
  caller: Caller,
  request: FastifyRequest,
  options: {
    cache?: LlmCallContext["cache"] | undefined;
    stream: boolean;
    lane: (typeof lanes)[number];
    deferred?: boolean;
  },
): Omit<LlmCallContext, "signal"> {
  return {
    callId: newId(),
    tenantId: caller.userId,
    squadId: null,
    executionId: null,
    memberId: null,
    lane: options.deferred === true ? "economy" : (oneOf(request, "x-muster-lane", lanes) ?? options.lane),
    cache: options.cache ?? oneOf(request, "x-muster-cache-control", cacheModes) ?? "auto",
    deadlineMs: deadlineOf(request),
    stream: options.stream,
  };
}

/** Aborts when the client goes away before its answer was written whole. */
export function clientSignal({ raw }: FastifyReply): AbortSignal {
  const abort = new AbortController();
  raw.once("close", () => {
    if (!raw.writableFinished) abort.abort();
  });
  return abort.signal;
}
