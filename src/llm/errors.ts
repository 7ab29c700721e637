import { AppError, type ErrorCode } from "#contracts";
import type { LlmUsage } from "./types.ts";

/**
 * Every way a call can end without an answer. `connect`: no connection was made; `connection_lost`: it broke before the
 * answer was whole; `protocol`: what came is not the provider's format, or ended without its terminal event.
 */
export const llmErrorKinds = [
  "connect",
  "connection_lost",
  "timeout_connect",
  "timeout_first_token",
  "timeout_idle",
  "timeout_total",
  "unauthorized",
  "rate_limited",
  "quota_exhausted",
  "overloaded",
  "provider_error",
  "bad_request",
  "context_too_long",
  "model_unknown",
  "protocol",
  "address_refused",
  "cancelled",
  "budget_exceeded",
  "price_unknown",
  "rate_wait_exceeded",
  "stopped",
  "internal",
] as const;
export type LlmErrorKind = (typeof llmErrorKinds)[number];

export interface LlmErrorDetails {
  cause?: unknown;
  /** HTTP status of the provider's answer. */
  status?: number | undefined;
  /** How long to wait before trying again. */
  retryAfterMs?: number | undefined;
  /** What the failed request used, as far as it was seen; absent when nothing can have been billed. */
  seenUsage?: LlmUsage | undefined;
  /** Facts for the problem document (budget level, limit, spent). */
  extra?: Record<string, unknown> | undefined;
}

/** The one error a gateway call rejects with. `message` says what happened and what to do about it. */
export class LlmError extends Error {
  readonly kind: LlmErrorKind;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  seenUsage: LlmUsage | undefined;
  readonly extra: Record<string, unknown> | undefined;

  constructor(kind: LlmErrorKind, message: string, details: LlmErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "LlmError";
    this.kind = kind;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.seenUsage = details.seenUsage;
    this.extra = details.extra;
  }
}

const repeatable: ReadonlySet<LlmErrorKind> = new Set<LlmErrorKind>([
  "connect",
  "connection_lost",
  "timeout_connect",
  "timeout_first_token",
  "timeout_idle",
  "rate_limited",
  "overloaded",
  "provider_error",
  "protocol",
]);

/** True when the same request may succeed if it is sent again (to the same or another account). */
export function isRepeatable(error: LlmError): boolean {
  return repeatable.has(error.kind);
}

/** True when another model may succeed where this one cannot: the fallback list goes on after these too. */
export function isFallbackWorthy(error: LlmError): boolean {
  return (
    isRepeatable(error) ||
    error.kind === "model_unknown" ||
    error.kind === "unauthorized" ||
    error.kind === "quota_exhausted" ||
    error.kind === "timeout_total"
  );
}

const appCodes: Record<LlmErrorKind, ErrorCode> = {
  connect: "provider_failed",
  connection_lost: "provider_failed",
  timeout_connect: "provider_timeout",
  timeout_first_token: "provider_timeout",
  timeout_idle: "provider_timeout",
  timeout_total: "provider_timeout",
  unauthorized: "provider_unauthorized",
  rate_limited: "rate_limited",
  quota_exhausted: "provider_failed",
  overloaded: "provider_failed",
  provider_error: "provider_failed",
  bad_request: "bad_request",
  context_too_long: "bad_request",
  model_unknown: "model_unknown",
  protocol: "provider_failed",
  address_refused: "address_refused",
  cancelled: "unavailable",
  budget_exceeded: "budget_exceeded",
  price_unknown: "price_unknown",
  rate_wait_exceeded: "rate_wait_exceeded",
  stopped: "invalid_state",
  internal: "internal_error",
};

const advice: Partial<Record<LlmErrorKind, string>> = {
  connect: "Check the provider account's base URL and that its server runs.",
  connection_lost: "Try again; if it goes on, look at the provider's status page or the proxy between.",
  timeout_connect: "Check the provider account's base URL and the network.",
  timeout_first_token: "Try again, or choose a faster model.",
  timeout_idle: "Try again, or choose another model.",
  timeout_total: "Ask for fewer output tokens or choose a faster model.",
  unauthorized: "Set a valid API key in the provider account.",
  rate_limited: "Wait for the time named by Retry-After, or raise the limit at the provider.",
  quota_exhausted: "Add credit or a payment method at the provider.",
  overloaded: "Try again in a while, or add a fallback model to the squad.",
  provider_error: "Try again in a while, or add a fallback model to the squad.",
  context_too_long: "Send less text, or choose a model with a larger context.",
  protocol: "Check that the base URL points at an API of the account's kind.",
};

/** The sentence a user reads: what happened, then what to do. */
export function describe(error: LlmError): string {
  const hint = advice[error.kind];
  return hint === undefined ? error.message : `${error.message} ${hint}`;
}

/** Translates for HTTP clients; the original stays as `cause`. */
export function toAppError(error: LlmError): AppError {
  const retryAfterSeconds =
    error.retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(error.retryAfterMs / 1000));
  return new AppError(appCodes[error.kind], describe(error), {
    cause: error,
    extra: { reason: error.kind, ...error.extra },
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

/** Wraps whatever was thrown so that callers of the gateway meet one class only. */
export function asLlmError(thrown: unknown): LlmError {
  if (thrown instanceof LlmError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new LlmError("internal", `The call failed inside Muster: ${message}`, { cause: thrown });
}
