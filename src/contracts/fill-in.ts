/**
 * An address of the table of first data (`/first-data.json`) with its parts filled in: `$1` is the first group of the page's
 * path, `$month` and `$nextMonth` are the first days of this month and the next in UTC. Server and browser must come to the
 * same address, or what the one wrote into the document is not found by the other; it imports nothing, since every page of
 * the UI loads it.
 */
export function fillIn(url: string, match: RegExpExecArray, now: Date): string {
  const month = (offset: number) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset, 1)).toISOString().slice(0, 10);
  return url
    .replaceAll("$1", match[1] ?? "")
    .replaceAll("$month", month(0))
    .replaceAll("$nextMonth", month(1));
}
