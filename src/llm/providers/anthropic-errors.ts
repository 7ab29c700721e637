import { LlmError, type LlmErrorKind } from "../errors.ts";
import type { ResponseHeaders } from "./http-transport.ts";
import type { ProviderLimits } from "./provider.ts";
import { headerNumber, headerText, retryAfterMs } from "./wire-reader.ts";

/*
 * Errors and limits of Anthropic's API (https://platform.claude.com/docs/en/api/errors and
 * https://platform.claude.com/docs/en/api/rate-limits#response-headers).
 */

const byType: Record<string, LlmErrorKind> = {
  invalid_request_error: "bad_request",
  authentication_error: "unauthorized",
  permission_error: "unauthorized",
  billing_error: "quota_exhausted",
  not_found_error: "model_unknown",
  request_too_large: "context_too_long",
  rate_limit_error: "rate_limited",
  timeout_error: "timeout_first_token",
  api_error: "provider_error",
  overloaded_error: "overloaded",
};

function byStatus(status: number | undefined): LlmErrorKind {
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 402) return "quota_exhausted";
  if (status === 404) return "model_unknown";
  if (status === 408 || status === 504) return "timeout_first_token";
  if (status === 413) return "context_too_long";
  if (status === 429) return "rate_limited";
  if (status === 503 || status === 529) return "overloaded";
  if (status !== undefined && status >= 300 && status < 400) return "protocol";
  if (status !== undefined && status < 500) return "bad_request";
  return "provider_error";
}

const contextPattern = /prompt is too long|exceed.{0,20}context|too many (total )?tokens/i;
const creditPattern = /credit balance is too low/i;

/** An error body or an error event (`status` is then absent). */
export function readAnthropicError(
  status: number | undefined,
  body: unknown,
  headers: ResponseHeaders,
  label: string,
): LlmError {
  const error = (typeof body === "object" && body !== null ? (body as { error?: unknown }).error : undefined) as
    | { type?: unknown; message?: unknown }
    | undefined;
  const message = typeof body === "string" ? body.slice(0, 300) : String(error?.message ?? "");
  let kind = byType[String(error?.type ?? "")] ?? byStatus(status);
  if (kind === "bad_request" && contextPattern.test(message)) kind = "context_too_long";
  if (kind === "bad_request" && creditPattern.test(message)) kind = "quota_exhausted";
  const said = message === "" ? "" : `: ${message.replace(/\s+/g, " ").trim()}`;
  const how = status === undefined ? "broke off with an error" : `answered ${status}`;
  return new LlmError(kind, `${label} ${how}${said}${/[.!?]$/.test(said) ? "" : "."}`, {
    status,
    retryAfterMs: retryAfterMs(headers, Date.now()),
  });
}

function resetAt(headers: ResponseHeaders, name: string): number | undefined {
  const time = Date.parse(headerText(headers, name) ?? "");
  return Number.isNaN(time) ? undefined : time;
}

/** `anthropic-ratelimit-*`; null when the response says nothing of limits. */
export function readAnthropicLimits(headers: ResponseHeaders): ProviderLimits | null {
  if (
    headers["anthropic-ratelimit-requests-limit"] === undefined &&
    headers["anthropic-ratelimit-tokens-limit"] === undefined
  ) {
    return null;
  }
  const limits: ProviderLimits = {};
  for (const word of ["requests", "tokens"] as const) {
    const limit = headerNumber(headers, `anthropic-ratelimit-${word}-limit`);
    const remaining = headerNumber(headers, `anthropic-ratelimit-${word}-remaining`);
    const reset = resetAt(headers, `anthropic-ratelimit-${word}-reset`);
    if (limit !== undefined) limits[`${word}Limit`] = limit;
    if (remaining !== undefined) limits[`${word}Remaining`] = remaining;
    if (reset !== undefined) limits[`${word}ResetAtMs`] = reset;
  }
  return limits;
}
