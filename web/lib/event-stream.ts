/** One message of a `text/event-stream` (WHATWG HTML, section 9.2). */
export interface StreamMessage {
  id: string | null;
  event: string;
  data: string;
}

/**
 * Cuts a `text/event-stream` into messages, however the bytes are cut into chunks. Returns what the text so far completes
 * and keeps the rest. Comments (heartbeats) are dropped.
 */
export function createEventParser(): (text: string) => StreamMessage[] {
  let rest = "";
  let id: string | null = null;
  let event = "";
  let data: string[] = [];

  return (text) => {
    const messages: StreamMessage[] = [];
    rest += text;
    // A lone CR at the end may be the first half of CRLF: it stays until more is there.
    const held = rest.endsWith("\r") ? rest.length - 1 : rest.length;
    const lines = rest.slice(0, held).split(/\r\n|\n|\r/);
    rest = (lines.pop() ?? "") + rest.slice(held);
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) messages.push({ id, event: event || "message", data: data.join("\n") });
        event = "";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const raw = colon < 0 ? "" : line.slice(colon + 1);
      const value = raw.startsWith(" ") ? raw.slice(1) : raw;
      if (field === "data") data.push(value);
      else if (field === "event") event = value;
      else if (field === "id") id = value;
    }
    return messages;
  };
}

/** Reads a streamed answer to its end, giving each message as it arrives; `onBytes` tells that the line is alive. */
export async function readEventStream(
  response: Response,
  onMessage: (message: StreamMessage) => void,
  onBytes?: () => void,
): Promise<void> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  const parse = createEventParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes?.();
    for (const message of parse(decoder.decode(value, { stream: true }))) onMessage(message);
  }
}
