import { LlmError, type LlmErrorKind } from "../errors.ts";
import type { ResponseHeaders } from "./http-transport.ts";
import type { ProviderLimits } from "./provider.ts";
import { headerNumber, headerText, retryAfterMs } from "./wire-reader.ts";

/*
 * Errors and limits of the OpenAI format (https://platform.openai.com/docs/guides/error-codes and
 * https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers).
 */

function readBody(body: unknown): { message: string; code: string; type: string } {
  if (typeof body === "string") return { message: body.slice(0, 300), code: "", type: "" };
  const outer = (Array.isArray(body) ? body[0] : body) as {
    error?: unknown;
    message?: unknown;
    detail?: unknown;
  } | null;
  const inner = outer?.error ?? outer?.message ?? outer?.detail;
  if (typeof inner === "string") return { message: inner.slice(0, 300), code: "", type: "" };
  const fields = (inner ?? {}) as Record<string, unknown>;
  return {
    message: typeof fields.message === "string" ? fields.message.slice(0, 1000) : "",
    code: fields.code === undefined || fields.code === null ? "" : String(fields.code),
    type: typeof fields.type === "string" ? fields.type : "",
  };
}

const contextPattern =
  /context.{0,12}(length|window|size)|maximum context|too many tokens|prompt is too long|exceeds? the (available )?context/i;
const modelPattern =
  /model.{0,80}(not found|does not exist|not exist|unknown|not supported)|no such model|not a valid model/i;

function kindOf(status: number | undefined, code: string, type: string, message: string): LlmErrorKind {
  if (code === "context_length_exceeded" || contextPattern.test(message)) return "context_too_long";
  if (code === "insufficient_quota" || type === "insufficient_quota" || status === 402) return "quota_exhausted";
  if (code === "model_not_found" || (modelPattern.test(message) && status !== undefined && status < 500))
    return "model_unknown";
  if (code === "invalid_api_key" || status === 401 || status === 403) return "unauthorized";
  if (status === 429 || code === "rate_limit_exceeded" || type === "rate_limit_error") return "rate_limited";
  if (status === 413) return "context_too_long";
  if (status === 503 || status === 529 || code === "overloaded" || type === "overloaded_error") return "overloaded";
  if (status === 408 || status === 504) return "timeout_first_token";
  if (status === 404) return "model_unknown";
  if (status !== undefined && status >= 300 && status < 400) return "protocol";
  if (status !== undefined && status < 500) return "bad_request";
  return type === "invalid_request_error" ? "bad_request" : "provider_error";
}

/** An error body or an error event (`status` is then absent). */
export function readOpenAiError(
  status: number | undefined,
  body: unknown,
  headers: ResponseHeaders,
  label: string,
): LlmError {
  const { message, code, type } = readBody(body);
  const kind = kindOf(status, code, type, message);
  const said = message === "" ? "" : `: ${message.replace(/\s+/g, " ").trim()}`;
  const how = status === undefined ? "broke off with an error" : `answered ${status}`;
  return new LlmError(kind, `${label} ${how}${said}${/[.!?]$/.test(said) ? "" : "."}`, {
    status,
    retryAfterMs: retryAfterMs(headers, Date.now()),
  });
}

/** Durations like `1s`, `6m0s`, `20ms`, `1h2m3.5s`, in milliseconds. */
export function parseGoDuration(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  let total = 0;
  let rest = text.trim();
  if (rest === "") return undefined;
  while (rest !== "") {
    const match = /^(\d+(?:\.\d+)?)(ms|h|m|s)/.exec(rest);
    if (match === null) return undefined;
    total += Number(match[1]) * (units[match[2] as string] as number);
    rest = rest.slice(match[0].length);
  }
  return total;
}

/** `x-ratelimit-*`; null when the response says nothing of limits. */
export function readOpenAiLimits(headers: ResponseHeaders, nowMs: number): ProviderLimits | null {
  if (headers["x-ratelimit-limit-requests"] === undefined && headers["x-ratelimit-limit-tokens"] === undefined)
    return null;
  const limits: ProviderLimits = {};
  for (const word of ["requests", "tokens"] as const) {
    const limit = headerNumber(headers, `x-ratelimit-limit-${word}`);
    const remaining = headerNumber(headers, `x-ratelimit-remaining-${word}`);
    const resetMs = parseGoDuration(headerText(headers, `x-ratelimit-reset-${word}`));
    if (limit !== undefined) limits[`${word}Limit`] = limit;
    if (remaining !== undefined) limits[`${word}Remaining`] = remaining;
    if (resetMs !== undefined) limits[`${word}ResetAtMs`] = nowMs + resetMs;
  }
  return limits;
}
