import { type Finding, type PatternRule, patternRules, type Severity } from "./claim-rules.ts";
import { outdatedNames } from "./outdated-names.ts";
import type { Document, Passage } from "./read-document.ts";

/** What is cut off a quoted line; a quote shows the place, the file has the rest. */
const MAX_QUOTE_CHARACTERS = 200;

/** Applies every rule that looks at one passage. Findings come in the order of the document. */
export function findClaims(document: Document, inRange: (passage: Passage) => boolean): Finding[] {
  const findings: Finding[] = [];
  for (const passage of document.passages) {
    if (!inRange(passage)) continue;
    const shown = new PassageView(passage);
    for (const rule of patternRules) findings.push(...applyPattern(rule, shown));
    for (const name of outdatedNames) findings.push(...applyOutdated(name, shown));
    findings.push(...sequentialAwaits(shown), ...targetsWithoutConditions(shown), ...prefixIndexes(shown));
  }
  return joinRepeated(findings).sort((left, right) => left.line - right.line);
}

/** A passage with what several rules ask of it. Lines that the document itself shows as bad examples are left out. */
export class PassageView {
  readonly passage: Passage;
  readonly text: string;
  readonly lines: { text: string; number: number; badExample: boolean }[];

  constructor(passage: Passage) {
    this.passage = passage;
    this.text = passage.lines.join("\n");
    let badExample = false;
    this.lines = passage.lines.map((text, index) => {
      if (/❌|\bBAD\b|\bwrong:|\bdon't:/i.test(text) && /#|\/\/|--|❌/.test(text)) badExample = true;
      else if (/✅|\bGOOD\b|\bright:|\bdo:/i.test(text) && /#|\/\/|--|✅/.test(text)) badExample = false;
      return { text, number: passage.line + index, badExample };
    });
  }

  /** The lines round a line up to the next empty ones: a function with its decorators, a list, a statement. */
  paragraphAt(index: number): string {
    let [from, to] = [index, index];
    while (from > 0 && this.lines[from - 1]?.text.trim() !== "") from -= 1;
    while (to + 1 < this.lines.length && this.lines[to + 1]?.text.trim() !== "") to += 1;
    return this.lines
      .slice(from, to + 1)
      .map((line) => line.text)
      .join("\n");
  }
}

export interface Statement {
  severity: Severity;
  title: string;
  why: string;
  instead: string;
}

export function findingAt(view: PassageView, line: { text: string; number: number }, statement: Statement): Finding {
  const quote = line.text.trim();
  return {
    severity: statement.severity,
    title: statement.title,
    path: view.passage.path,
    line: line.number,
    also: [],
    under: view.passage.headings.join(" › "),
    quote: quote.length > MAX_QUOTE_CHARACTERS ? `${quote.slice(0, MAX_QUOTE_CHARACTERS)} …` : quote,
    why: statement.why,
    instead: statement.instead,
  };
}

function applyPattern(rule: PatternRule, view: PassageView): Finding[] {
  if (!rule.kinds.includes(view.passage.kind)) return [];
  if (rule.context !== undefined && !rule.context.test(view.text)) return [];
  return view.lines.flatMap((line, index) => {
    if (line.badExample || !rule.match.test(line.text)) return [];
    if (rule.unless?.test(view.paragraphAt(index))) return [];
    return [findingAt(view, line, rule)];
  });
}

function applyOutdated(name: (typeof outdatedNames)[number], view: PassageView): Finding[] {
  if (name.context !== undefined && !name.context.test(view.text)) return [];
  if (name.unless?.test(view.text)) return [];
  const line = view.lines.find((each) => !each.badExample && name.match.test(each.text));
  if (line === undefined) return [];
  const written = name.match.exec(line.text)?.[0].trim() ?? "";
  const title = `Out of date: ${written}`.slice(0, 80);
  return [findingAt(view, line, { severity: "medium", title, why: `${name.what}.`, instead: name.instead })];
}

/** `a = await load(1)` and `b = await load(2)` one below the other, said to be batched or parallel. */
function sequentialAwaits(view: PassageView): Finding[] {
  if (view.passage.kind !== "code") return [];
  const awaited = view.lines.map((line) =>
    line.badExample ? null : (/=\s*await\s+([\w.]+)\(/.exec(line.text)?.[1] ?? null),
  );
  const first = awaited.findIndex((name, index) => name !== null && awaited[index + 1] === name);
  const line = view.lines[first];
  if (line === undefined || !/batch|single query|parallel|concurren|together/i.test(view.text)) return [];
  return [
    findingAt(view, line, {
      severity: "high",
      title: "These calls run one after the other",
      why: "Each await waits for its answer before the next call is even made, so there is never more than one to batch or to run in parallel: this is the N+1 pattern the text means to prevent.",
      instead:
        "Start them together and await once (asyncio.gather, Promise.all, load_many), and count the statements in a test.",
    }),
  ];
}

/** A table of figures to reach that does not say under which load, on which data and over which time. */
function targetsWithoutConditions(view: PassageView): Finding[] {
  if (view.passage.kind !== "table") return [];
  const rows = view.lines.filter((line) => /[<>≤≥]\s?\d/.test(line.text));
  const first = rows[0];
  if (rows.length < 2 || first === undefined || /\b(?:users|req\/s|rps|concurren\w+|rows|load)\b/i.test(view.text))
    return [];
  return [
    findingAt(view, first, {
      severity: "medium",
      title: `${rows.length} targets without conditions`,
      why: "No row says for how many users, which data, which requests, where it is measured and over which time. Every one of these figures is true on an idle machine and false on an overloaded one, so none can fail.",
      instead:
        "Write beside each figure the load profile, the size of the data, the place of measurement and the window, and the command that measures it.",
    }),
  ];
}

/** An index whose columns another index of the same table begins with. */
function prefixIndexes(view: PassageView): Finding[] {
  if (view.passage.kind !== "code") return [];
  const found: { line: (typeof view.lines)[number]; table: string; columns: string[] }[] = [];
  let model = "";
  for (const line of view.lines) {
    model = /^\s*model\s+(\w+)\s*\{/.exec(line.text)?.[1] ?? model;
    const columns = /@@index\(\[([^\]]*)\]/.exec(line.text)?.[1];
    if (columns !== undefined)
      found.push({ line, table: model, columns: columns.split(",").map((each) => each.trim()) });
  }
  return found.flatMap(({ line, table, columns }) => {
    const wider = found.find(
      (other) =>
        other.table === table &&
        other.columns.length > columns.length &&
        columns.every((column, index) => other.columns[index] === column),
    );
    if (wider === undefined) return [];
    return [
      findingAt(view, line, {
        severity: "low",
        title: "An index that another one makes needless",
        why: `The index on (${wider.columns.join(", ")}) serves the same searches; the shorter one costs every write and memory.`,
        instead: "Keep the longer one, and look in pg_stat_user_indexes which indexes are used at all.",
      }),
    ];
  });
}

/** The same rule several times under one heading is one finding with several lines. */
function joinRepeated(findings: readonly Finding[]): Finding[] {
  const joined: Finding[] = [];
  for (const finding of findings) {
    const same = joined.find(
      (each) => each.title === finding.title && each.why === finding.why && each.path === finding.path,
    );
    if (same === undefined) joined.push({ ...finding });
    else if (!same.also.includes(finding.line) && same.line !== finding.line) same.also.push(finding.line);
  }
  return joined;
}
