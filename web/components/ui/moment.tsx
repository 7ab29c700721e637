"use client";
import { useSyncExternalStore } from "react";
import { formatDuration, formatMoment, formatRelative } from "../../lib/format.ts";

function createClock(everyMs: number) {
  let now = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  const listeners = new Set<() => void>();
  return {
    subscribe(listener: () => void) {
      listeners.add(listener);
      timer ??= setInterval(() => {
        now = Date.now();
        for (const each of listeners) each();
      }, everyMs);
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
    read() {
      // Between ticks the time stands still, so that one render sees one time.
      if (Date.now() - now >= everyMs) now = Date.now();
      return now;
    },
  };
}

const minuteClock = createClock(30_000);
const secondClock = createClock(1000);

/** How long ago something was; the exact time on hover. */
export function Moment({ iso, className }: { iso: string; className?: string }) {
  const now = useSyncExternalStore(minuteClock.subscribe, minuteClock.read, () => 0);
  return (
    <time dateTime={iso} title={formatMoment(iso)} className={className} suppressHydrationWarning>
      {formatRelative(iso, now)}
    </time>
  );
}

/** Time since a start, ticking each second until it has an end. */
export function Elapsed({ from, to, className }: { from: string; to: string | null; className?: string }) {
  return to ? (
    <span className={className}>{formatDuration(Date.parse(to) - Date.parse(from))}</span>
  ) : (
    <Ticking from={from} className={className} />
  );
}

function Ticking({ from, className }: { from: string; className?: string | undefined }) {
  const now = useSyncExternalStore(secondClock.subscribe, secondClock.read, () => 0);
  const seconds = Math.max(0, Math.floor((now - Date.parse(from)) / 1000));
  return (
    <span className={className} suppressHydrationWarning>
      {seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000)}
    </span>
  );
}
