/** Deeper than any provider's answer; the reader calls itself once a level. */
const MAX_DEPTH = 64;
/** Characters of an escape that is cut: at most `\u12f`. */
const MAX_CUT_ESCAPE = 5;

/**
 * Reads JSON that breaks off or is broken: what stands before that place, strings, lists and objects as far as they came.
 * Numbers and literals that might have gone on are left out, and so are members named in `wholeOnly` that are not whole.
 * Undefined when nothing came. Never throws.
 */
export function readPartialJson(text: string, wholeOnly: ReadonlySet<string>): unknown {
  return readValue({ text, wholeOnly, at: 0, over: false }, 0);
}

interface Cursor {
  readonly text: string;
  readonly wholeOnly: ReadonlySet<string>;
  at: number;
  /** The text ended or is no JSON from here on. */
  over: boolean;
}

function readValue(cursor: Cursor, depth: number): unknown {
  skip(cursor, /\s*/y);
  const opening = cursor.text[cursor.at];
  if (depth > MAX_DEPTH) cursor.over = true;
  else if (opening === "{") return readObject(cursor, depth);
  else if (opening === "[") return readList(cursor, depth);
  else if (opening === '"') return readString(cursor);
  else return readScalar(cursor);
  return undefined;
}

function readObject(cursor: Cursor, depth: number): object {
  // Without a prototype: a member called `__proto__` is one like any other.
  const object = Object.create(null) as Record<string, unknown>;
  cursor.at += 1;
  while (!cursor.over) {
    if (closes(cursor, "}")) return object;
    cursor.over = cursor.text[cursor.at] !== '"';
    if (cursor.over) break;
    const key = readString(cursor);
    skip(cursor, /\s*/y);
    cursor.over ||= cursor.text[cursor.at] !== ":";
    if (cursor.over) break;
    cursor.at += 1;
    const value = readValue(cursor, depth + 1);
    if (value !== undefined && !(cursor.over && cursor.wholeOnly.has(key))) object[key] = value;
  }
  return object;
}

function readList(cursor: Cursor, depth: number): unknown[] {
  const list: unknown[] = [];
  cursor.at += 1;
  while (!cursor.over && !closes(cursor, "]")) {
    const value = readValue(cursor, depth + 1);
    if (value !== undefined) list.push(value);
  }
  return list;
}

/** Goes over the end of a list or object, or to its next member. */
function closes(cursor: Cursor, bracket: string): boolean {
  skip(cursor, /[\s,]*/y);
  if (cursor.text[cursor.at] !== bracket) return false;
  cursor.at += 1;
  return true;
}

function readString(cursor: Cursor): string {
  const { text } = cursor;
  const start = cursor.at + 1;
  let end = text.indexOf('"', start);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  if (end === -1) {
    cursor.over = true;
    end = text.length;
  }
  cursor.at = end + 1;
  for (let cut = 0; cut <= MAX_CUT_ESCAPE; cut += 1) {
    try {
      return JSON.parse(`"${text.slice(start, Math.max(start, end - cut))}"`) as string;
    } catch {
      // An escape that is cut: try without its beginning.
      cursor.over = true;
    }
  }
  return "";
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === "\\") backslashes += 1;
  return backslashes % 2 === 1;
}

function readScalar(cursor: Cursor): unknown {
  const word = skip(cursor, /[-+.\w]*/y);
  if (cursor.at < cursor.text.length) {
    try {
      return JSON.parse(word) as unknown;
    } catch {
      // Nothing that JSON knows.
    }
  }
  cursor.over = true;
  return undefined;
}

function skip(cursor: Cursor, what: RegExp): string {
  what.lastIndex = cursor.at;
  const found = what.exec(cursor.text)?.[0] ?? "";
  cursor.at += found.length;
  return found;
}
