import { WorkspaceError } from "./workspace-error.ts";

const MAX_PATTERN_CHARACTERS = 200;
/** Longer lines (minified code, data) are matched and shown up to here. */
const MAX_LINE_CHARACTERS = 10_000;
const SHOWN_CHARACTERS = 400;

/**
 * Makes a matcher for one line. The pattern is plain text, upper and lower case are the same, and `*` stands for any run of
 * characters. It is not a regular expression on purpose: each part is found once, left to right, without backtracking, so no
 * pattern of a model can make a search hang.
 */
export function lineMatcher(pattern: string): (line: string) => boolean {
  if (pattern.length > MAX_PATTERN_CHARACTERS) {
    throw new WorkspaceError(
      "invalid_pattern",
      `The pattern is longer than ${MAX_PATTERN_CHARACTERS} characters. Search for less.`,
    );
  }
  const parts = pattern
    .toLowerCase()
    .split("*")
    .filter((part) => part !== "");
  if (parts.length === 0) {
    throw new WorkspaceError("invalid_pattern", "The pattern has no text to look for.");
  }
  return (line) => {
    const text = line.slice(0, MAX_LINE_CHARACTERS).toLowerCase();
    let from = 0;
    for (const part of parts) {
      const found = text.indexOf(part, from);
      if (found < 0) return false;
      from = found + part.length;
    }
    return true;
  };
}

/** Matching lines of a text with their numbers from 1, at most `limit` of them; long lines are cut. */
export function matchingLines(
  text: string,
  matches: (line: string) => boolean,
  limit: number,
): { line: number; text: string }[] {
  const found: { line: number; text: string }[] = [];
  let start = 0;
  for (let number = 1; start <= text.length && found.length < limit; number += 1) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(start, end);
    if (matches(line)) {
      found.push({
        line: number,
        text: line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS)} […]` : line,
      });
    }
    start = end + 1;
  }
  return found;
}
