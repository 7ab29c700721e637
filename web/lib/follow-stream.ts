import { signedOutEvent } from "./api.ts";
import { readEventStream } from "./event-stream.ts";

/**
 * `reconnecting` tries by itself until it is `live` again. The others are final: `ended` (nothing more will come), `gone`
 * (there is no such thing), `refused` (the server does not let it be followed, though it may well go on).
 */
export type ConnectionState = "connecting" | "live" | "reconnecting" | "ended" | "gone" | "refused";

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
 * shown again. An answer that says that nobody is signed in fires `signedOutEvent`.
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
    if (isOver() || signal.aborted) break;
    if (outcome === "hidden") continue;
    if (outcome !== "dropped") {
      onState(outcome);
      return;
    }
    onState("reconnecting");
    failures += 1;
    await pause(Math.min(5000, 300 * 2 ** (failures - 1)), signal);
  }
  if (!signal.aborted) onState("ended");
}

/** What an answer without events means; null for one that has them. */
function verdictOf({ status, ok }: Response): "dropped" | "ended" | "gone" | "refused" | null {
  if (status === 204) return "ended";
  if (ok) return null;
  if (status === 404 || status === 410) return "gone";
  // Too slow, too early, too often: the next attempt may pass, as after any fault of the server.
  return status >= 500 || status === 408 || status === 425 || status === 429 ? "dropped" : "refused";
}

/** One connection, to its end. */
async function readOnce(
  options: StreamOptions,
  heard: () => void,
): Promise<"dropped" | "hidden" | "ended" | "gone" | "refused"> {
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
    if (response.status === 401) window.dispatchEvent(new Event(signedOutEvent));
    const verdict = verdictOf(response);
    if (verdict) return verdict;
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
