import type { FastifyReply } from "fastify";
import { apiHeaders } from "./plugins/security-headers.ts";

/** A client that stays this far behind is cut off; it comes back with Last-Event-ID and loses nothing. */
const maxBehindBytes = 256 * 1_024;
/** How long it may stay so: one that catches up gets pages larger than the bound, and takes them in moments. */
const maxBehindMs = 2_000;
/** Above this there is no waiting. */
const maxBufferedBytes = 8 * 1_024 * 1_024;
const heartbeatMs = 15_000;
const opened = Buffer.from(": open\n\n");
const heartbeat = Buffer.from(": heartbeat\n\n");

/** An open Server-Sent Events answer (WHATWG HTML, section 9.2). */
export interface SseStream {
  /** Writes ready frames. A reader too far behind is cut off. */
  write(frames: Buffer | string): void;
  /** Ends the answer after what was written. */
  end(): void;
  /** True once the client is gone or the answer ended. */
  closed(): boolean;
  /** Called once, however it ends. */
  onClose(fn: () => void): void;
}

/**
 * Begins the answer and keeps it open with a comment every 15 seconds. Nothing between may hold it back: no-transform
 * keeps proxies from compressing it, X-Accel-Buffering from collecting it.
 */
export function openSse(reply: FastifyReply, headers: Record<string, string> = {}): SseStream {
  const { raw } = reply;
  reply.hijack();
  raw.writeHead(200, {
    ...apiHeaders,
    ...headers,
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
    connection: "keep-alive",
  });
  // Opens the stream at the client at once, before there is an event.
  raw.write(opened);
  let open = true;
  let behindSince: number | null = null;
  const closers: (() => void)[] = [];
  const timer = setInterval(() => write(heartbeat), heartbeatMs);
  timer.unref();

  function finish(): void {
    if (!open) return;
    open = false;
    clearInterval(timer);
    for (const fn of closers) fn();
  }

  function write(frames: Buffer | string): void {
    if (!open) return;
    raw.write(frames);
    if (raw.writableLength <= maxBehindBytes) behindSince = null;
    else {
      behindSince ??= performance.now();
      if (performance.now() - behindSince > maxBehindMs || raw.writableLength > maxBufferedBytes) {
        finish();
        raw.destroy();
      }
    }
  }

  raw.once("close", finish);
  raw.on("drain", () => {
    behindSince = null;
  });
  // A reset connection is the client's way of leaving.
  raw.once("error", finish);
  return {
    write,
    end() {
      if (!open) return;
      finish();
      raw.end();
    },
    closed: () => !open,
    onClose(fn) {
      if (open) closers.push(fn);
      else fn();
    },
  };
}
