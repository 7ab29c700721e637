import type { ChatBody, ChatDone, ChatFrame } from "#contracts";
import { ApiError, networkError, unwrap } from "../../lib/api.ts";
import { readEventStream } from "../../lib/event-stream.ts";

export interface ChatHandlers {
  onChunk: (text: string) => void;
  /** What was shown so far is void. */
  onReset: () => void;
  onWait: (untilMs: number) => void;
}

/** Sends a message and reads the answer as it is written. Resolves with what it cost; throws `ApiError`. */
export async function streamChat(body: ChatBody, handlers: ChatHandlers, signal: AbortSignal): Promise<ChatDone> {
  const onBreak = (cause: unknown) => {
    if (signal.aborted) throw cause;
  };
  const response = await fetch("/api/v1/agent/chat/stream", {
    method: "POST",
    headers: {
      accept: "text/event-stream",
      "content-type": "application/json",
      "idempotency-key": crypto.randomUUID(),
    },
    body: JSON.stringify(body),
    signal,
  }).catch(onBreak);
  if (!response) throw networkError();
  if (!response.ok) return unwrap<never>(response.status, await response.json().catch(() => null));
  let done: ChatDone | null = null;
  let failure: ApiError | null = null;
  await readEventStream(response, (message) => {
    if (message.data === "[DONE]") return;
    const frame = JSON.parse(message.data) as ChatFrame;
    if ("chunk" in frame) handlers.onChunk(frame.chunk);
    else if ("reset" in frame) handlers.onReset();
    else if ("waitUntilMs" in frame) handlers.onWait(frame.waitUntilMs);
    else if ("done" in frame) done = frame;
    else failure = new ApiError(frame.error.status, frame.error.code, frame.error.title, frame.error.detail);
  }).catch(onBreak);
  if (failure) throw failure;
  if (!done)
    throw new ApiError(
      0,
      "network",
      "The answer broke off",
      "The connection was lost before the answer was complete. Ask again.",
    );
  return done;
}
