import { readEventStream } from "./event-stream.ts";

export type ConnectionState = "connecting" | "live" | "reconnecting" | "ended";

export interface StreamOptions {
  /** Asked for at each connection. */
  url: () => string;
  onMessage: (data: string) => void;
  onState: (state: ConnectionState) => void;
  /** The line was closed, for whatever reason. */
  onBreak?: () => void;
  /** True when nothing more will come. */
  isOver?: () => boolean;
  signal: AbortSignal;
  fetchStream?: ((url: string, signal: AbortSignal) => Promise<Response>) | undefined;
}

/** Three heartbeats of the server (15 s each) may be missed before the line counts as dead. */
const silenceMs = 45_000;

const openStream = (url: string, signal: AbortSignal) =>
  fetch(url, { headers: { accept: "text/event-stream" }, cache: "no-store", signal });

/**
 * Reads a stream of events until it is over or the signal fires. A dropped line is taken up again, waiting 0.3 s and up to
 * 5 s between attempts. While the page is hidden the line is closed (a browser allows six per server) and taken up when it is
 * shown again.
 */
export async function followStream(options: StreamOptions): Promise<void> {
  const { signal, onState } = options;
  const isOver = options.isOver ?? (() => false);
  let failures = 0;
  const heard = () => {
    failures = 0;
  };
  onState("connecting");
  while (!signal.aborted && !isOver()) {
    await untilVisible(signal);
    if (signal.aborted) break;
    const outcome = await readOnce(options, heard);
    options.onBreak?.();
    if (isOver() || outcome === "gone" || signal.aborted) break;
    if (outcome === "hidden") continue;
    onState("reconnecting");
    failures += 1;
    await pause(Math.min(5000, 300 * 2 ** (failures - 1)), signal);
  }
  if (!signal.aborted) onState("ended");
}

/** One connection, to its end. `gone`: the server says that there is nothing (more) to follow. */
async function readOnce(options: StreamOptions, heard: () => void): Promise<"dropped" | "hidden" | "gone"> {
  const line = new AbortController();
  let hidden = false;
  let silence: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(silence);
    silence = setTimeout(() => line.abort(), silenceMs);
  };
  const onHide = () => {
    hidden = document.visibilityState === "hidden";
    if (hidden) line.abort();
  };
  const onStop = () => line.abort();
  if (typeof document !== "undefined") document.addEventListener("visibilitychange", onHide);
  options.signal.addEventListener("abort", onStop);
  try {
    alive();
    const response = await (options.fetchStream ?? openStream)(options.url(), line.signal);
    if (response.status === 204 || (response.status >= 400 && response.status < 500 && response.status !== 429)) {
      return "gone";
    }
    if (!response.ok) return "dropped";
    options.onState("live");
    await readEventStream(
      response,
      (message) => {
        heard();
        options.onMessage(message.data);
      },
      alive,
    );
    return "dropped";
  } catch {
    // An abort or a broken line: the loop above decides what comes next.
    return hidden ? "hidden" : "dropped";
  } finally {
    clearTimeout(silence);
    options.signal.removeEventListener("abort", onStop);
    if (typeof document !== "undefined") document.removeEventListener("visibilitychange", onHide);
    line.abort();
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function untilVisible(signal: AbortSignal): Promise<void> {
  if (typeof document === "undefined" || document.visibilityState !== "hidden") return Promise.resolve();
  return new Promise((resolve) => {
    const check = () => {
      if (document.visibilityState === "hidden" && !signal.aborted) return;
      document.removeEventListener("visibilitychange", check);
      resolve();
    };
    document.addEventListener("visibilitychange", check);
    signal.addEventListener("abort", check);
  });
}
