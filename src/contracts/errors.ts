/**
 * The one table of errors a client can meet: stable code → HTTP status → title (RFC 9457 problem details).
 * `docs/reference/errors.md` is generated from it and a test fails when a code is missing there.
 */
export const errorTable = {
  bad_request: { status: 400, title: "The request is malformed" },
  validation_failed: { status: 400, title: "The request does not match its schema" },
  unauthorized: { status: 401, title: "Sign in or send an API key" },
  invalid_credentials: { status: 401, title: "Wrong e-mail or password" },
  forbidden: { status: 403, title: "Your account may not do this" },
  claim_closed: { status: 403, title: "This installation has been claimed already, or the claim code is wrong" },
  sign_up_closed: { status: 403, title: "An invitation is needed to sign up" },
  not_found: { status: 404, title: "There is no such thing, or it is not yours" },
  method_not_allowed: { status: 405, title: "This address does not take that method" },
  request_timeout: { status: 408, title: "The request did not come in time" },
  conflict: { status: 409, title: "The request conflicts with the current state" },
  idempotency_in_flight: { status: 409, title: "A request with this Idempotency-Key is still running" },
  invalid_state: { status: 409, title: "The state of the thing does not allow this" },
  already_exists: { status: 409, title: "Something with this name exists already" },
  payload_too_large: { status: 413, title: "The body is too large" },
  unsupported_media_type: { status: 415, title: "The body must be JSON" },
  idempotency_key_reused: { status: 422, title: "This Idempotency-Key was used with another body" },
  model_unknown: { status: 422, title: "No configured provider offers this model" },
  price_unknown: { status: 422, title: "A budget is set but the price of this model is not known" },
  address_refused: { status: 422, title: "This address may not be reached" },
  squad_invalid: { status: 422, title: "The squad cannot run as it is" },
  budget_exceeded: { status: 402, title: "The budget does not allow this call" },
  headers_too_large: { status: 431, title: "The headers are too large" },
  rate_limited: { status: 429, title: "Too many requests" },
  rate_wait_exceeded: { status: 429, title: "The provider's rate limit does not allow this call before its deadline" },
  internal_error: { status: 500, title: "Something went wrong inside Muster" },
  storage_full: { status: 507, title: "The disk is full" },
  provider_failed: { status: 502, title: "The provider failed" },
  provider_unauthorized: { status: 502, title: "The provider refused the key" },
  provider_timeout: { status: 504, title: "The provider did not answer in time" },
  unavailable: { status: 503, title: "Muster cannot do this right now; try again" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof errorTable;
export const errorCodes = Object.keys(errorTable) as ErrorCode[];

/**
 * An error that a client is meant to read. `detail` says what is wrong and what to do about it;
 * `extra` adds members to the problem document; `retryAfterSeconds` becomes the Retry-After header.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly extra: Record<string, unknown>;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    detail: string,
    options: { cause?: unknown; extra?: Record<string, unknown>; retryAfterSeconds?: number } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.extra = options.extra ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  /** HTTP status of the code (RFC 9110). */
  get status(): number {
    return errorTable[this.code].status;
  }
}
