/**
 * Cuts Markdown at blank lines into blocks that stand for themselves, so that a growing text is not parsed anew as a
 * whole: never inside a code fence, never before an indented line (it may belong to a list or be code) and never between
 * the items of a list. Link definitions keep the text whole.
 */
export function splitBlocks(text: string): string[] {
  if (/^ {0,3}\[[^\]]+\]:/m.test(text)) return [text];
  const blocks: string[] = [];
  let current: string[] = [];
  let fence: string | null = null;
  let blank = false;
  for (const line of text.split("\n")) {
    const marker = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1] ?? null;
    const continues = /^(\s|[-*+] |\d+[.)] |\||>)/.test(line);
    if (fence === null && blank && line.trim() !== "" && !continues) {
      blocks.push(current.join("\n"));
      current = [];
    }
    current.push(line);
    if (fence === null) fence = marker;
    else if (marker?.startsWith(fence) && line.trim() === marker) fence = null;
    blank = fence === null && line.trim() === "";
  }
  blocks.push(current.join("\n"));
  return blocks;
}
