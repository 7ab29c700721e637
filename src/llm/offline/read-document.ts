/** A piece of a document that can be quoted: a code block, a table, a list item or a paragraph. */
export interface Passage {
  path: string;
  /** First line, from 1. */
  line: number;
  lines: string[];
  kind: "code" | "table" | "item" | "paragraph";
  /** The headings it stands under, outermost first. */
  headings: string[];
}

export interface Heading {
  level: number;
  title: string;
  line: number;
}

export interface Document {
  path: string;
  lineCount: number;
  headings: Heading[];
  passages: Passage[];
}

/** A line of its own in bold, as many documents use for the lowest headings. */
const BOLD_LEVEL = 7;

/**
 * Cuts a text into passages with their lines and headings. Markdown is understood (headings, fences, tables, lists); any other
 * text falls into paragraphs at its blank lines. `firstLine` is the number of the text's first line in its file.
 */
export function readDocument(path: string, text: string, firstLine = 1): Document {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const prose = !/\.(?:[cm]?[jt]sx?|py|rb|go|rs|java|kt|cs|c|h|cpp|php|sh|sql|css|toml|ini)$/i.test(path);
  const document: Document = { path, lineCount: firstLine + lines.length - 1, headings: [], passages: [] };
  const open: Heading[] = [];
  let passage: Passage | null = null;
  let fence: string | null = null;
  const begin = (kind: Passage["kind"], index: number): Passage => {
    const made: Passage = { path, line: firstLine + index, lines: [], kind, headings: open.map((each) => each.title) };
    document.passages.push(made);
    return made;
  };
  for (const [index, raw] of lines.entries()) {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    const marker = prose ? (/^\s{0,3}(`{3,}|~{3,})/.exec(line)?.[1] ?? null) : null;
    if (fence !== null) {
      if (marker?.startsWith(fence)) [fence, passage] = [null, null];
      else {
        passage ??= begin("code", index);
        passage.lines.push(line);
      }
      continue;
    }
    const heading = prose ? readHeading(line, firstLine + index) : null;
    if (marker !== null) [fence, passage] = [marker, null];
    else if (heading !== null) {
      while ((open.at(-1)?.level ?? 0) >= heading.level) open.pop();
      open.push(heading);
      document.headings.push(heading);
      passage = null;
    } else if (line.trim() === "") passage = null;
    else {
      const kind = prose ? kindOf(line, passage) : "code";
      if (passage === null || kind !== passage.kind || (kind === "item" && isItem(line))) passage = begin(kind, index);
      passage.lines.push(line);
    }
  }
  return document;
}

function readHeading(line: string, number: number): Heading | null {
  const hashes = /^(#{1,6})\s+(.+?)\s*#*$/.exec(line);
  if (hashes !== null) return { level: hashes[1]?.length ?? 1, title: hashes[2] ?? "", line: number };
  const bold = /^\*\*([^*]+)\*\*:?\s*$/.exec(line);
  return bold === null ? null : { level: BOLD_LEVEL, title: (bold[1] ?? "").replace(/:$/, ""), line: number };
}

function isItem(line: string): boolean {
  return /^\s*(?:[-*+]|\d+[.)])\s+/.test(line);
}

function kindOf(line: string, passage: Passage | null): Passage["kind"] {
  if (/^\s*\|.*\|\s*$/.test(line)) return "table";
  if (isItem(line)) return "item";
  return passage?.kind === "item" ? "item" : "paragraph";
}

/** A run of lines of a document under one heading. */
export interface Section {
  path: string;
  title: string;
  from: number;
  to: number;
}

/**
 * Cuts documents into at least `least` sections where they allow it, by their headings: the coarsest level that gives several,
 * the largest section first. What has no headings is halved.
 */
export function cutIntoSections(documents: readonly Document[], least: number): Section[] {
  let sections = documents.filter((document) => document.passages.length > 0).map(wholeOf);
  while (sections.length < least) {
    const split = sections
      .map((section, index) => ({ section, index }))
      .sort((left, right) => sizeOf(right.section) - sizeOf(left.section))
      .map(({ section, index }) => ({ index, parts: splitSection(section, documents) }))
      .find(({ parts }) => parts.length > 1);
    if (split === undefined) break;
    sections = [...sections.slice(0, split.index), ...split.parts, ...sections.slice(split.index + 1)];
  }
  return sections;
}

/** Puts neighbouring sections together until there are at most `most` groups, always the two that are smallest together. */
export function groupSections(sections: readonly Section[], most: number): Section[][] {
  const groups = sections.map((section) => [section]);
  const size = (group: Section[] | undefined) => (group ?? []).reduce((sum, section) => sum + sizeOf(section), 0);
  while (groups.length > Math.max(1, most)) {
    let best = 0;
    for (let index = 1; index + 1 < groups.length; index += 1) {
      if (size(groups[index]) + size(groups[index + 1]) < size(groups[best]) + size(groups[best + 1])) best = index;
    }
    groups.splice(best, 2, [...(groups[best] ?? []), ...(groups[best + 1] ?? [])]);
  }
  return groups;
}

function wholeOf(document: Document): Section {
  return { path: document.path, title: document.path, from: 1, to: document.lineCount };
}

function sizeOf(section: Section): number {
  return section.to - section.from + 1;
}

/** Parts of a long section that are shorter than this stay with their neighbour; of a short one, a twentieth of it. */
const MAX_SMALL_LINES = 8;

function splitSection(section: Section, documents: readonly Document[]): Section[] {
  const document = documents.find((each) => each.path === section.path);
  const inside = (document?.headings ?? []).filter(({ line }) => line >= section.from && line <= section.to);
  for (const level of [...new Set(inside.map((heading) => heading.level))].sort((a, b) => a - b)) {
    const parts = splitAt(
      section,
      inside.filter((heading) => heading.level === level),
    );
    if (parts.length > 1) return parts;
  }
  if (sizeOf(section) < 2 * MAX_SMALL_LINES || inside.length > 0) return [section];
  const middle = section.from + Math.floor(sizeOf(section) / 2);
  const title = section.title.replace(/, lines [\d-]+$/, "");
  return [
    { ...section, to: middle - 1, title: `${title}, lines ${section.from}-${middle - 1}` },
    { ...section, from: middle, title: `${title}, lines ${middle}-${section.to}` },
  ];
}

/** Parts begin at the headings; what is shorter than a few lines stays with its neighbour. */
function splitAt(section: Section, headings: readonly Heading[]): Section[] {
  const parts: Section[] = [];
  const small = Math.min(MAX_SMALL_LINES, Math.max(2, Math.floor(sizeOf(section) / 20)));
  for (const [index, heading] of headings.entries()) {
    const from = index === 0 ? section.from : heading.line;
    const to = (headings[index + 1]?.line ?? section.to + 1) - 1;
    const last = parts.at(-1);
    if (last !== undefined && to - from + 1 < small) last.to = to;
    else parts.push({ path: section.path, title: heading.title, from, to });
  }
  return parts;
}
