import type { Finding } from "./claim-rules.ts";
import { compareDocument } from "./compare-document.ts";
import { findClaims } from "./find-claims.ts";
import { asksForClaims } from "./intent.ts";
import type { OfflineAnswer } from "./offline-answer.ts";
import { withoutNote } from "./plan-answer.ts";
import { rankTexts } from "./rank-passages.ts";
import { type Document, type Passage, readDocument } from "./read-document.ts";
import { factOf, type SquadRequest } from "./read-request.ts";
import { mergeFindings, NOTICE, quoted, readFindings, writeFinding } from "./report.ts";

/** Rounds of reading before the member answers with what it has. */
const MAX_READS = 6;
const LINES_PER_READ = 2_000;
const MAX_QUOTES = 6;
const MAX_QUOTED_LINES = 6;

interface Range {
  path: string;
  from: number;
  to: number;
}

/** A member's step: it reads its part with the file tools where it has them, then says what its rules find there. */
export function answerWork(request: SquadRequest, tools: ReadonlySet<string>): OfflineAnswer {
  const wanted = wantedRanges(request);
  const read = request.toolCalls.filter((call) => call.name === "read_file");
  if (tools.has("read_file") && read.length < MAX_READS) {
    const calls = unreadParts(wanted, read).map((range) => ({
      name: "read_file",
      arguments: {
        path: range.path,
        startLine: range.from,
        maxLines: Math.min(LINES_PER_READ, range.to - range.from + 1),
      },
    }));
    if (calls.length > 0) return { text: "", toolCalls: calls.slice(0, MAX_READS - read.length) };
  }
  return { text: writeResult(request, wanted, documentsOf(request)), toolCalls: [] };
}

/** The lines that the step's criterion names, else all of every attachment. Work that was sent back looks at the whole. */
function wantedRanges(request: SquadRequest): Range[] {
  const named = [
    ...factOf(request, "Done when").matchAll(/lines (\d+)-(\d+|end) of ([^\s;]+(?: [^\s;]+)*?)(?=;| is | are |$)/gi),
  ].map((match) => ({
    from: Number(match[1]),
    to: match[2] === "end" ? Number.MAX_SAFE_INTEGER : Number(match[2]),
    path: match[3] ?? "",
  }));
  const known = named.filter((range) => request.attachments.some((attachment) => attachment.path === range.path));
  if (known.length > 0 && request.reasons.length === 0) return known;
  return request.attachments.map(({ path }) => ({ path, from: 1, to: Number.MAX_SAFE_INTEGER }));
}

/** What of the wanted lines no tool answer has shown yet. A file that could not be read is not asked for again. */
function unreadParts(wanted: readonly Range[], read: SquadRequest["toolCalls"]): Range[] {
  return wanted.flatMap((range) => {
    let next = range.from;
    let end = range.to;
    for (const call of read.filter((each) => each.arguments.path === range.path)) {
      const head = readHead(call.result);
      if (head === null) return [];
      if (head.from <= next) next = Math.max(next, head.to + 1);
      end = Math.min(end, head.of);
    }
    return next > end ? [] : [{ ...range, from: next, to: end }];
  });
}

/** "attachments/a.md: lines 1-150 of 613". */
function readHead(result: string): { from: number; to: number; of: number } | null {
  const match = /^.*: lines (\d+)-(\d+|end) of (\d+)/.exec(result);
  return match === null
    ? null
    : {
        from: Number(match[1]),
        to: match[2] === "end" ? Number.MAX_SAFE_INTEGER : Number(match[2]),
        of: Number(match[3]),
      };
}

/** The files as the tools showed them, else as far as the prompt shows them. */
function documentsOf(request: SquadRequest): Document[] {
  return request.attachments.map(({ path, text }) => {
    const shown = new Map<number, string>();
    for (const call of request.toolCalls) {
      if (call.name !== "read_file" || call.arguments.path !== path || readHead(call.result) === null) continue;
      for (const row of call.result.split("\n").slice(1)) {
        const match = /^(\d+)\| (.*)$/.exec(row);
        if (match !== null) shown.set(Number(match[1]), match[2] ?? "");
      }
    }
    // The prompt's copy gives what stands before and between the parts that were read, so that headings are known.
    const lines = withoutNote(text).split("\n");
    for (const [number, line] of shown) lines[number - 1] = line;
    return readDocument(path, Array.from(lines, (line) => line ?? "").join("\n"));
  });
}

function writeResult(request: SquadRequest, wanted: readonly Range[], documents: readonly Document[]): string {
  const inRange = (passage: Passage) =>
    wanted.some(
      (range) =>
        range.path === passage.path && passage.line <= range.to && passage.line + passage.lines.length > range.from,
    );
  const passages = documents.flatMap((document) => document.passages.filter(inRange));
  const again =
    request.reasons.length === 0 ? [] : [`Done again over the whole, because: ${request.reasons.join(" ")}`];
  if (passages.length === 0) return [NOTICE, ...again, ...describeTask(request)].join("\n\n");
  const scope = describeScope(wanted, documents, passages.length);
  const handedOver = request.inputs.flatMap((input) => readFindings(input.text));
  const claims = asksForClaims(request.task);
  const findings = mergeFindings([...handedOver, ...(claims ? findingsFor(request, documents, inRange) : [])]);
  const parts = [NOTICE, ...again, claims ? `${scope} Findings: ${findings.length}.` : scope];
  parts.push(...findings.map(writeFinding));
  if (findings.length === 0) parts.push(...quotePassages(request, passages, claims));
  return parts.join("\n\n");
}

function findingsFor(
  request: SquadRequest,
  documents: readonly Document[],
  inRange: (passage: Passage) => boolean,
): Finding[] {
  const across = /\bacross\b/i.test(factOf(request, "Title"));
  const single = across ? [] : documents.flatMap((document) => findClaims(document, inRange));
  const whole = !factOf(request, "Done when").includes("Lines ");
  return whole ? [...single, ...documents.flatMap(compareDocument)] : single;
}

function describeScope(wanted: readonly Range[], documents: readonly Document[], passages: number): string {
  const parts = wanted.map(({ path, from, to }) => {
    const last = Math.min(to, documents.find((document) => document.path === path)?.lineCount ?? to);
    return `${path} lines ${from}-${last}`;
  });
  return `Read: ${parts.join("; ")} (${passages} ${passages === 1 ? "passage" : "passages"}).`;
}

/** The passages that share most with the task and the step, quoted with their place. */
function quotePassages(request: SquadRequest, passages: readonly Passage[], claims: boolean): string[] {
  const query = `${request.task} ${factOf(request, "Title")}`;
  const texts = passages.map((passage) => `${passage.headings.join(" ")} ${passage.lines.join(" ")}`);
  const ranked = rankTexts(query, texts).slice(0, MAX_QUOTES);
  const chosen =
    ranked.length > 0 ? ranked.map(({ index }) => index) : passages.slice(0, MAX_QUOTES).map((_, index) => index);
  const intro = claims
    ? "None of the rules found a claim to object to here. The passages nearest to the task:"
    : "The passages nearest to the task and this step, best first:";
  const quotes = chosen.flatMap((index) => {
    const passage = passages[index];
    return passage === undefined ? [] : [quotePassage(passage)];
  });
  return [intro, ...quotes];
}

function quotePassage(passage: Passage): string {
  const shown = passage.lines.slice(0, MAX_QUOTED_LINES).map((line) => `> ${line}`);
  const cut = passage.lines.length - shown.length;
  if (cut > 0) shown.push(`> [… ${cut} more lines]`);
  const under = passage.headings.length === 0 ? "" : ` (${passage.headings.join(" › ")})`;
  return `**${passage.path}:${passage.line}**${under}\n${shown.join("\n")}`;
}

/** Without attachments all there is to work on is the task itself. */
function describeTask(request: SquadRequest): string[] {
  const title = factOf(request, "Title");
  const sentences = sentencesOf(request.task);
  const ranked = rankTexts(title, sentences).slice(0, MAX_QUOTES);
  const chosen = ranked.length > 0 ? ranked.map(({ index }) => sentences[index] ?? "") : sentences.slice(0, MAX_QUOTES);
  const inputs = request.inputs.map(
    (input) => `From ${input.by} (${input.title}):\n${input.text.replace(NOTICE, "").trim()}`,
  );
  return [
    `Step: ${title}`,
    `What the task says:\n${chosen.map((sentence) => `- ${quoted(sentence)}`).join("\n")}`,
    ...inputs,
    "There are no attachments to work on. The offline model extracts and checks text; it does not write code or new text. Configure a provider for that.",
  ];
}

/** The sentences of a text, list items apart. */
export function sentencesOf(text: string): string[] {
  return text
    .split(/\n+|(?<=[.!?])\s+/)
    .map((sentence) => sentence.replace(/^\s*(?:[-*+]|\d+[.)])\s+/, "").trim())
    .filter((sentence) => sentence !== "");
}
