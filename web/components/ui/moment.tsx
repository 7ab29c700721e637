"use client";
import { useSyncExternalStore } from "react";
import { formatDuration, formatMoment, formatRelative } from "../../lib/format.ts";

/** A time that nobody listens to is taken anew after this long. */
const longestDrawingMs = 10_000;

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
      // Between ticks the time stands still, so that one render sees one time, also one that is drawn in many slices:
      // React would draw it again, in one go.
      if (listeners.size === 0 && Date.now() - now >= everyMs + longestDrawingMs) now = Date.now();
      return now;
    },
  };
}

const minuteClock = createClock(30_000);
const secondClock = createClock(1000);

/** How long ago something was; the exact time on hover. */
export function Moment({ iso, className }: { iso: string; className?: string }) {
  const now = useSyncExternalStore(minuteClock.subscribe, minuteClock.read, minuteClock.read);
  return (
    <time
      dateTime={iso}
      className={className}
      onMouseEnter={({ currentTarget }) => {
        // Only when it is asked for: there are many, and the first costs what the browser knows of all calendars.
        currentTarget.title = formatMoment(iso);
      }}
    >
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
  const now = useSyncExternalStore(secondClock.subscribe, secondClock.read, secondClock.read);
  const seconds = Math.max(0, Math.floor((now - Date.parse(from)) / 1000));
  return <span className={className}>{seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000)}</span>;
}
