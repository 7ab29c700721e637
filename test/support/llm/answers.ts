/** An answer as a test writes it; the servers put it into their wire format. */
export interface ScriptedAnswer {
  text?: string;
  reasoning?: string;
  toolCalls?: { id?: string; name: string; arguments: string }[];
  /** In the words of OpenAI's format; derived from the answer when absent. */
  finishReason?: "stop" | "length" | "tool_calls" | "content_filter";
  /** Counts to report instead of the server's own. */
  usage?: {
    inputTokens?: number;
    cachedTokens?: number;
    cacheWriteTokens?: number;
    outputTokens?: number;
    reasoningTokens?: number;
  };
  model?: string;
  /** Wait before the answer begins, on top of the server's own latency. */
  delayMs?: number;
}

export type Script =
  | ScriptedAnswer
  | ScriptedAnswer[]
  | ((body: never, requestIndex: number) => ScriptedAnswer | Promise<ScriptedAnswer>);

/**
 * One line a request, never changed after it is written: what the provider bills. A whole answer is billed by the counts that it
 * reports, and so is a broken one that had reported them. Any other broken answer is billed by what left the server: the prompt and
 * each piece (`pieces`, `argumentPieces`) whose bytes were written, but no less than what it had reported by then. (What a real
 * provider generated and never sent, no client can know.)
 */
export interface LedgerEntry {
  requestIndex: number;
  model: string;
  inputTokens: number;
  cachedTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
  /** `cut`: begun but not ended; `refused`: answered with an error, not billed. */
  outcome: "complete" | "cut" | "refused";
  /** Whether the client was sent the final counts. */
  reported: boolean;
}

/** Texts are cut into pieces of at most four characters (never inside a code point); a piece is a token. */
export function pieces(text: string): string[] {
  const parts: string[] = [];
  for (const word of text.match(/\s*\S+|\s+$/gu) ?? []) {
    const characters = [...word];
    for (let index = 0; index < characters.length; index += 4) parts.push(characters.slice(index, index + 4).join(""));
  }
  return parts;
}

/** Arguments of tools, which are JSON: a run of marks is a token, and of other text at most four characters are. */
export function argumentPieces(json: string): string[] {
  return json.match(/\s*[{}[\]":,\\]+|\s*[^\s{}[\]":,\\]{1,4}|\s+$/gu) ?? [];
}

export async function resolveAnswer(
  script: Script | undefined,
  body: unknown,
  requestIndex: number,
): Promise<ScriptedAnswer> {
  if (script === undefined) return { text: `You said: ${lastUserText(body)}` };
  if (typeof script === "function") return script(body as never, requestIndex);
  if (!Array.isArray(script)) return script;
  return script[Math.min(requestIndex, script.length - 1)] ?? { text: "" };
}

/** Text of the last user message in either format. */
export function lastUserText(body: unknown): string {
  const messages = (body as { messages?: { role: string; content: unknown }[] }).messages ?? [];
  const last = messages.filter((message) => message.role === "user").at(-1);
  if (typeof last?.content === "string") return last.content;
  if (!Array.isArray(last?.content)) return "";
  return (last.content as { text?: string; content?: string }[])
    .map((part) => part.text ?? part.content ?? "")
    .join(" ");
}
