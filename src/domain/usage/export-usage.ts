import type { UsageEntry } from "#contracts";
import type { Queryable } from "#db";
import type { Scope } from "../store.ts";
import { readUsageSlice } from "./usage.queries.ts";
import type { UsageRange } from "./usage-range.ts";

const sliceSize = 1_000;
const columns = [
  "at",
  "provider",
  "model",
  "squadId",
  "memberId",
  "executionId",
  "lane",
  "outcome",
  "cacheResult",
  "inputTokens",
  "cacheReadTokens",
  "cacheWriteTokens",
  "outputTokens",
  "reasoningTokens",
  "estimated",
  "costNanoUsd",
  "savedNanoUsd",
  "latencyMs",
  "timeToFirstTokenMs",
  "rateWaitMs",
  "id",
] as const satisfies readonly (keyof UsageEntry)[];

/** The calls of a range as CSV (RFC 4180), a thousand at a time, newest first. An unknown price is an empty field. */
export async function* exportUsage(db: Queryable, scope: Scope, range: UsageRange): AsyncGenerator<string> {
  yield `${columns.join(",")}\r\n`;
  let before: string | null = null;
  for (;;) {
    const entries: UsageEntry[] = await readUsageSlice(db, scope, range, before, sliceSize);
    if (entries.length > 0) yield entries.map(toLine).join("");
    if (entries.length < sliceSize) return;
    before = entries.at(-1)?.id ?? null;
  }
}

function toLine(entry: UsageEntry): string {
  return `${columns.map((column) => toField(entry[column])).join(",")}\r\n`;
}

/** A field; text that a spreadsheet would run as a formula is made harmless with a leading apostrophe. */
function toField(value: string | number | boolean | null): string {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
