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
/** A reader whose connection breaks comes back after about this time; browsers would wait 3 s and more. */
const retryMs = 1_000;
const resumableOpened = Buffer.from(`retry: ${retryMs}\n: open\n\n`);
/** Readers that are sent away come back within this time, each at a moment of its own. */
const sendAwayOverMs = 1_500;
const heartbeat = Buffer.from(": heartbeat\n\n");

/** An open Server-Sent Events answer (WHATWG HTML, section 9.2). */
export interface SseStream {
  /** Writes ready frames. A reader too far behind is cut off. */
  write(frames: Buffer | string): void;
  /** Ends the answer after what was written. */
  end(): void;
  /** Ends the answer and tells the client when to come back: this process stops, another (or the next) goes on. */
  sendAway(): void;
  /** True once the client is gone or the answer ended. */
  closed(): boolean;
  /** Called once, however it ends. */
  onClose(fn: () => void): void;
}

/** The open streams of one server that can be resumed elsewhere. */
export type ResumableStreams = Set<SseStream>;

/**
 * Begins the answer and keeps it open with a comment every 15 seconds. Nothing between may hold it back: no-transform
 * keeps proxies from compressing it, X-Accel-Buffering from collecting it. A stream that is given `resumable` belongs to
 * a client that can come back for the rest: it is sent away when the server stops.
 */
export function openSse(
  reply: FastifyReply,
  { headers = {}, resumable }: { headers?: Record<string, string>; resumable?: ResumableStreams } = {},
): SseStream {
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
  raw.write(resumable ? resumableOpened : opened);
  let open = true;
  let behindSince: number | null = null;
  const closers: (() => void)[] = [];
  const timer = setInterval(() => write(heartbeat), heartbeatMs);
  timer.unref();

  function finish(): void {
    if (!open) return;
    open = false;
    clearInterval(timer);
    resumable?.delete(stream);
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
  function end(last?: string): void {
    if (!open) return;
    finish();
    raw.end(last);
  }

  const stream: SseStream = {
    write,
    end: () => end(),
    sendAway: () => end(`retry: ${Math.ceil(Math.random() * sendAwayOverMs)}\n: come back\n\n`),
    closed: () => !open,
    onClose(fn) {
      if (open) closers.push(fn);
      else fn();
    },
  };
  resumable?.add(stream);
  return stream;
}
