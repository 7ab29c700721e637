import type { StreamPiece } from "./wire-server.ts";

/**
 * A JSON body in the pieces in which its tokens stand in it, so that it can be cut where a stream is: `parts` are the answer's
 * tokens as they are spelt there, in its order; what lies between carries none. The counts come with the end of `usage`.
 */
export function jsonPieces(json: string, parts: string[][], usage: object | undefined): StreamPiece[] {
  const result: StreamPiece[] = [];
  let at = 0;
  const upTo = (end: number, extra: Partial<StreamPiece> = {}): void => {
    if (end > at) result.push({ bytes: json.slice(at, end), tokens: 0, ...extra });
    at = Math.max(at, end);
  };
  const find = (text: string): number => {
    const found = json.indexOf(text, at);
    if (found === -1) throw new Error(`The body has no ${text} after ${at}.`);
    return found;
  };
  for (const part of parts) {
    if (part.length === 0) continue;
    upTo(find(part.join("")));
    for (const piece of part) upTo(at + piece.length, { tokens: 1 });
  }
  if (usage !== undefined) {
    const text = `"usage":${JSON.stringify(usage)}`;
    upTo(find(text) + text.length, { reports: "all" });
  }
  upTo(json.length);
  return result;
}

/** A text's pieces as they are spelt within a JSON string. */
export function spelt(pieces: string[]): string[] {
  return pieces.map((piece) => JSON.stringify(piece).slice(1, -1));
}
