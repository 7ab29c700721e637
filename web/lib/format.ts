const NANO_USD = 1_000_000_000;

/**
 * A number as en-US writes it: "12,345.60". By hand, since the first `toLocaleString` of a page loads what the browser
 * knows of all languages (ADR 0076).
 */
export function formatNumber(value: number, digits = 0): string {
  const [whole = "", fraction] = Math.abs(value).toFixed(digits).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const isBelowZero = value < 0 && /[1-9]/.test(whole + (fraction ?? ""));
  return `${isBelowZero ? "-" : ""}${grouped}${fraction === undefined ? "" : `.${fraction}`}`;
}

/**
 * Money in nano-USD as dollars: cents from ten cents up, four digits below, `< $0.0001` for what is smaller still.
 * A price that is not known (null) is "unknown", never zero.
 */
export function formatMoney(nanoUsd: number | null | undefined): string {
  if (nanoUsd === null || nanoUsd === undefined) return "unknown";
  const usd = nanoUsd / NANO_USD;
  if (usd === 0) return "$0";
  const sign = usd < 0 ? "-" : "";
  const size = Math.abs(usd);
  if (size < 0.0001) return `${sign}< $0.0001`;
  const digits = size < 0.1 ? 4 : 2;
  return `${sign}$${formatNumber(size, digits)}`;
}

/** A cost that may lack calls of unknown price: then it is a lower bound and says so. */
export function formatCost(nanoUsd: number | null, incomplete: boolean): string {
  if (!incomplete) return formatMoney(nanoUsd);
  return nanoUsd ? `${formatMoney(nanoUsd)} + unknown` : "unknown";
}

/** Price per million tokens from nano-USD per token: "$2.50". */
export function formatTokenPrice(nanoUsdPerToken: number | null): string {
  if (nanoUsdPerToken === null) return "unknown";
  if (nanoUsdPerToken === 0) return "free";
  const usd = (nanoUsdPerToken * 1_000_000) / NANO_USD;
  const exact = formatNumber(usd, 3);
  return `$${usd < 1 && !exact.endsWith("0") ? exact : formatNumber(usd, 2)}`;
}

/** 812 → "812", 12,345 → "12.3k", 4,200,000 → "4.2M". */
export function formatCount(count: number): string {
  if (count < 10_000) return formatNumber(count);
  if (count < 1_000_000) return `${(count / 1000).toFixed(count < 100_000 ? 1 : 0)}k`;
  return `${(count / 1_000_000).toFixed(count < 100_000_000 ? 1 : 0)}M`;
}

/** Milliseconds as "340 ms", "4.2 s", "3m 05s", "2h 14m". */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${String(Math.floor(seconds % 60)).padStart(2, "0")}s`;
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
}

/** Bytes in binary thousands: "820 B", "14.2 KB", "3.1 MB". */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kilobytes = bytes / 1024;
  return kilobytes < 1024 ? `${kilobytes.toFixed(1)} KB` : `${(kilobytes / 1024).toFixed(1)} MB`;
}

/** How long ago (or ahead) a moment is, in one unit: "now", "4m ago", "in 2d". */
export function formatRelative(iso: string, nowMs: number): string {
  const deltaMs = nowMs - Date.parse(iso);
  const seconds = Math.round(Math.abs(deltaMs) / 1000);
  if (seconds < 45) return "now";
  const [amount, unit] =
    seconds < 2700
      ? [Math.round(seconds / 60), "m"]
      : seconds < 79_200
        ? [Math.round(seconds / 3600), "h"]
        : seconds < 2_592_000
          ? [Math.round(seconds / 86_400), "d"]
          : seconds < 31_536_000
            ? [Math.round(seconds / 2_592_000), "mo"]
            : [Math.round(seconds / 31_536_000), "y"];
  return deltaMs >= 0 ? `${amount}${unit} ago` : `in ${amount}${unit}`;
}

/** A moment in the reader's own zone, to the second. */
export function formatMoment(iso: string): string {
  return new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** A ratio as a whole percentage. */
export function formatPercent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}

/** "1 step", "3 steps". */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatNumber(count)} ${count === 1 ? one : many}`;
}

/** "in_progress" → "In progress". */
export function sentence(word: string): string {
  const text = word.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
