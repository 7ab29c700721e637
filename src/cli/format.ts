import { stripVTControlCharacters } from "node:util";
import { NANO_USD } from "#contracts";

/** Money for people; null (a call of unknown price is part of it) is "unknown", never 0. */
export function formatCost(costNanoUsd: number | null): string {
  if (costNanoUsd === null) return "unknown";
  const usd = costNanoUsd / NANO_USD;
  if (usd === 0) return "$0";
  return usd < 0.0001 ? "<$0.0001" : `$${usd.toFixed(usd < 1 ? 4 : 2)}`;
}

/** Minutes and seconds, with hours where there are any. */
export function formatElapsed(elapsedMs: number): string {
  const seconds = Math.max(0, Math.floor(elapsedMs / 1_000));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** A size with the unit that suits it (1 KB = 1,024 bytes). */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return step === 0 ? `${bytes} bytes` : `${(bytes / 1_024 ** step).toFixed(1)} ${units[step]}`;
}

export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** "1 step", "2 steps". */
export function plural(count: number, word: string): string {
  return `${formatCount(count)} ${word}${count === 1 ? "" : "s"}`;
}

/** Text of models and files for a terminal: without the control characters that could move its cursor or change it. */
export function printable(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll("\t", "  ")
    .replace(/[^\P{Cc}\n]/gu, "");
}
