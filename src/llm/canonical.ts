import { createHmac, type KeyObject } from "node:crypto";
import type { Candidate } from "./routing.ts";
import type { LlmMessage, LlmRequest, LlmTool } from "./types.ts";

/** Raise when the meaning of a cached entry changes; old entries are then never found again. */
const SCHEMA_VERSION = 1;

/** JSON with sorted keys, for values whose key order is the caller's accident. `undefined` members are left out. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const record = value as Record<string, unknown>;
  const parts: string[] = [];
  for (const key of Object.keys(record).sort()) {
    if (record[key] !== undefined) parts.push(`${JSON.stringify(key)}:${canonicalJson(record[key])}`);
  }
  return `{${parts.join(",")}}`;
}

function messageFields(message: LlmMessage): unknown[] {
  if (message.role === "tool") return ["tool", message.content, message.toolCallId];
  if (message.role === "assistant" && message.toolCalls !== undefined && message.toolCalls.length > 0) {
    return ["assistant", message.content, message.toolCalls.map((call) => [call.id, call.name, call.arguments])];
  }
  return [message.role, message.content];
}

function toolText(tool: LlmTool): string {
  return `${JSON.stringify([tool.name, tool.description])}${canonicalJson(tool.parameters)}`;
}

/**
 * The identity of an answer: everything that can change it, and the tenant. Two requests have one key only if they are
 * equal in account, provider, model, every message, every tool and every parameter; it cannot be guessed without `secret`.
 */
export function cacheKey(secret: KeyObject, tenantId: string, candidate: Candidate, request: LlmRequest): string {
  const choice = request.toolChoice;
  const fields = [
    SCHEMA_VERSION,
    tenantId,
    candidate.account.id,
    candidate.account.kind,
    candidate.account.baseUrl,
    candidate.model,
    request.messages.map(messageFields),
    request.maxOutputTokens ?? null,
    request.temperature ?? null,
    request.topP ?? null,
    request.stop ?? null,
    request.seed ?? null,
    choice === undefined ? null : typeof choice === "string" ? choice : [choice.name],
    request.fallbackModels ?? null,
  ];
  const hmac = createHmac("sha256", secret).update(JSON.stringify(fields));
  if (request.tools !== undefined) for (const tool of request.tools) hmac.update(`\n${toolText(tool)}`);
  if (request.responseFormat !== undefined) hmac.update(`\nformat${canonicalJson(request.responseFormat)}`);
  if (request.form !== undefined) hmac.update(`\nform ${request.form}`);
  return hmac.digest("base64url");
}
