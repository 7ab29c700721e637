/** A line of a comparison; numbers count from 1 and are null on the side where the line is not. */
export interface DiffLine {
  kind: "same" | "added" | "removed";
  text: string;
  before: number | null;
  after: number | null;
}

/** Lines that are left out because they are the same on both sides. */
export interface DiffGap {
  kind: "gap";
  lines: number;
}

/** Beyond so many changed lines the middle is shown as replaced: an exact comparison would hold the page up. */
const maxEdits = 800;

function splitLines(text: string): string[] {
  if (text === "") return [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Compares two texts line by line (Myers, 1986: the fewest added and removed lines). */
export function diffLines(before: string, after: string): DiffLine[] {
  const one = splitLines(before);
  const other = splitLines(after);
  let start = 0;
  while (start < one.length && start < other.length && one[start] === other[start]) start += 1;
  let end = 0;
  while (end < one.length - start && end < other.length - start && one.at(-1 - end) === other.at(-1 - end)) end += 1;
  const kinds = [
    ...Array<Kind>(start).fill("same"),
    ...compare(one.slice(start, one.length - end), other.slice(start, other.length - end)),
    ...Array<Kind>(end).fill("same"),
  ];
  let left = 0;
  let right = 0;
  return kinds.map((kind) => {
    if (kind !== "added") left += 1;
    if (kind !== "removed") right += 1;
    const text = (kind === "added" ? other[right - 1] : one[left - 1]) ?? "";
    return { kind, text, before: kind === "added" ? null : left, after: kind === "removed" ? null : right };
  });
}

type Kind = DiffLine["kind"];

/** The steps from one list to the other; removed lines stand before added ones where it is all the same. */
function compare(one: string[], other: string[]): Kind[] {
  const trace: Map<number, number>[] = [];
  const reach = new Map<number, number>([[1, 0]]);
  const limit = Math.min(maxEdits, one.length + other.length);
  for (let edits = 0; edits <= limit; edits += 1) {
    trace.push(new Map(reach));
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let x = nextX(reach, diagonal, edits);
      while (x < one.length && x - diagonal < other.length && one[x] === other[x - diagonal]) x += 1;
      reach.set(diagonal, x);
      if (x >= one.length && x - diagonal >= other.length) return walkBack(trace, one.length, other.length);
    }
  }
  return [...Array<Kind>(one.length).fill("removed"), ...Array<Kind>(other.length).fill("added")];
}

function nextX(reach: Map<number, number>, diagonal: number, edits: number): number {
  const down = reach.get(diagonal + 1) ?? -1;
  const right = reach.get(diagonal - 1) ?? -1;
  return diagonal === -edits || (diagonal !== edits && right < down) ? down : right + 1;
}

function walkBack(trace: Map<number, number>[], width: number, height: number): Kind[] {
  const kinds: Kind[] = [];
  let x = width;
  let y = height;
  for (let edits = trace.length - 1; edits >= 0; edits -= 1) {
    const reach = trace[edits] ?? new Map<number, number>();
    const diagonal = x - y;
    const down = reach.get(diagonal + 1) ?? -1;
    const right = reach.get(diagonal - 1) ?? -1;
    const isDown = diagonal === -edits || (diagonal !== edits && right < down);
    const fromX = isDown ? down : right;
    const fromY = fromX - (isDown ? diagonal + 1 : diagonal - 1);
    while (x > fromX && y > fromY && x > 0 && y > 0) {
      kinds.push("same");
      x -= 1;
      y -= 1;
    }
    if (edits === 0) break;
    kinds.push(isDown ? "added" : "removed");
    x = fromX;
    y = fromY;
  }
  return kinds.reverse();
}

/** Leaves out what is far from any change: `context` lines stay on each side of one. */
export function foldDiff(lines: readonly DiffLine[], context = 3): (DiffLine | DiffGap)[] {
  const near = new Uint8Array(lines.length);
  lines.forEach((line, at) => {
    if (line.kind !== "same") near.fill(1, Math.max(0, at - context), at + context + 1);
  });
  const folded: (DiffLine | DiffGap)[] = [];
  lines.forEach((line, at) => {
    const last = folded.at(-1);
    if (near[at]) folded.push(line);
    else if (last?.kind === "gap") last.lines += 1;
    else folded.push({ kind: "gap", lines: 1 });
  });
  return folded;
}
