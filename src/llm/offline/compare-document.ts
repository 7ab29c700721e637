import type { Finding } from "./claim-rules.ts";
import { findingAt, PassageView } from "./find-claims.ts";
import { wordsOf } from "./rank-passages.ts";
import type { Document } from "./read-document.ts";

/** A figure somewhere in the document, with what it is about. */
interface Figure {
  view: PassageView;
  line: { text: string; number: number };
  /** Words of the line, without its numbers. */
  words: Set<string>;
  percentile: string | null;
  value: number;
  unit: "ms" | "%";
}

/** What only shows when the parts of a document are held against each other. */
export function compareDocument(document: Document): Finding[] {
  const views = document.passages.map((passage) => new PassageView(passage));
  return [...differentFigures(views), ...togetherRules(views)].sort((left, right) => left.line - right.line);
}

function differentFigures(views: readonly PassageView[]): Finding[] {
  const figures = views.flatMap(figuresOf);
  const findings: Finding[] = [];
  for (const [index, figure] of figures.entries()) {
    const other = figures.slice(0, index).find((each) => contradicts(each, figure));
    if (other === undefined || findings.some((finding) => finding.line === figure.line.number)) continue;
    const shared =
      figure.percentile !== null
        ? `p${figure.percentile}`
        : [...figure.words].filter((word) => other.words.has(word)).join(" ");
    findings.push(
      findingAt(figure.view, figure.line, {
        severity: "high",
        title: `Two figures for the same thing (${shared})`,
        why: `Here it is ${shown(figure)}, but line ${other.line.number} has ${shown(other)}: \`${other.line.text.trim()}\`. A system can meet one and miss the other, so a green test says nothing about the target.`,
        instead: "Keep each figure in one place that the tests, the dashboard and the alert read.",
      }),
    );
  }
  return findings;
}

function shown(figure: Figure): string {
  return `${Number(figure.value.toPrecision(6))} ${figure.unit}`;
}

function figuresOf(view: PassageView): Figure[] {
  return view.lines.flatMap((line): Figure[] => {
    const percentile = /\bp\(?(\d{2}(?:\.\d+)?)\)?/i.exec(line.text)?.[1] ?? null;
    const limit = /[<>≤≥]=?\s?(\d+(?:\.\d+)?)\s?(ms|s\b|%)?/.exec(line.text.replace(/p\(?\d{2}\)?\s*/i, ""));
    const about = /error|failed|failure/i.test(line.text) ? ["error"] : [];
    if (limit === null || line.badExample) return [];
    const rate = limit[2] === undefined && /\b(?:rate|ratio)\b/i.test(line.text);
    if (limit[2] === undefined && !rate && percentile === null) return [];
    const number = Number(limit[1]);
    const unit = limit[2] === "%" || rate ? "%" : "ms";
    const value = rate ? number * 100 : limit[2] === "s" ? number * 1_000 : number;
    const subject = line.text.replace(/`[^`]*`/g, "");
    const words = new Set([
      ...wordsOf(subject).filter((word) => !/^\d|^p\d|^(?:rate|time|ms|target|metric)$/.test(word)),
      ...about,
    ]);
    return [{ view, line, words, percentile, value, unit }];
  });
}

/** Subjects of which a system has one figure; of times there are many, so those are compared by percentile only. */
const subjects = ["error", "availability", "uptime"];

function contradicts(left: Figure, right: Figure): boolean {
  if (left.unit !== right.unit || left.value === right.value || left.view === right.view) return false;
  if (left.percentile !== right.percentile) return false;
  const isAbout = (figure: Figure, subject: string) => figure.words.has(subject);
  if (left.percentile !== null) {
    const timed = (figure: Figure) => ["duration", "response", "latency"].some((subject) => isAbout(figure, subject));
    return timed(left) && timed(right);
  }
  return subjects.some((subject) => isAbout(left, subject) && isAbout(right, subject));
}

interface TogetherRule {
  severity: Finding["severity"];
  title: string;
  /** The line that is quoted. */
  here: RegExp;
  /** What stands elsewhere in the document. */
  elsewhere: RegExp;
  why: (line: number) => string;
  instead: string;
}

const together: readonly TogetherRule[] = [
  {
    severity: "medium",
    title: "Compression and streams do not go together",
    here: /GZipMiddleware|compression\(\)|gzip on/,
    elsewhere: /text\/event-stream/,
    why: (line) =>
      `Line ${line} streams events, and this compresses answers: unless the middleware leaves streams out (older releases do not), the compressor waits for a full block, so tokens arrive late or all at once. It also spends CPU anew on each answer that could be compressed once.`,
    instead:
      "Leave text/event-stream out (and send no-transform), compress cacheable answers once and keep them by their ETag.",
  },
  {
    severity: "high",
    title: "The slow-query hook never sees these queries",
    here: /before_cursor_execute/,
    elsewhere: /\bfrom prisma import|\bdb\.\w+\.find_(?:many|unique)\(/,
    why: (line) =>
      `This is an event of SQLAlchemy, but the queries of line ${line} go through Prisma, whose engine does not pass it: nothing would ever be logged.`,
    instead:
      "Log in the layer that sends the queries, or on the server (log_min_duration_statement, pg_stat_statements).",
  },
  {
    severity: "medium",
    title: "Several processes, but state in one of them",
    here: /=\s*(?:\w+\.)?(?:AsyncLimiter|RateLimiter|TokenBucket)\(|\b(?:self|this)\.queue\b[^=\n]*=/,
    elsewhere: /\bnum_pods\b|\bpods?\b|\breplicas\b|\bworkers\b/i,
    why: (line) =>
      `Line ${line} counts on several processes, while this lives in the memory of one: limits multiply with the processes, and what was queued is gone when one is replaced.`,
    instead: "Keep shared limits and queued work in a store that all processes use and that survives a restart.",
  },
];

function togetherRules(views: readonly PassageView[]): Finding[] {
  const lines = views.flatMap((view) => view.lines.filter((line) => !line.badExample).map((line) => ({ view, line })));
  return together.flatMap((rule) => {
    const here = lines.find(({ line }) => rule.here.test(line.text));
    const elsewhere = lines.find(({ line }) => rule.elsewhere.test(line.text));
    if (here === undefined || elsewhere === undefined) return [];
    const { severity, title, instead } = rule;
    return [findingAt(here.view, here.line, { severity, title, why: rule.why(elsewhere.line.number), instead })];
  });
}
