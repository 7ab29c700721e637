import { asksForClaims } from "./intent.ts";
import { rankTexts } from "./rank-passages.ts";
import { cutIntoSections, type Document, groupSections, readDocument, type Section } from "./read-document.ts";
import { factOf, type SquadRequest } from "./read-request.ts";

const LEAST_SECTIONS = 5;
const MOST_SECTIONS = 10;

interface PlannedStep {
  key: string;
  title: string;
  owner: string;
  dependsOn: string[];
  doneCriterion: string;
}

interface Owner {
  name: string;
  role: string;
}

/**
 * The lead's plan: with attachments their sections are shared out among the members, beside one look across the whole; without,
 * the points of the task, or the whole task for each member where it has only one.
 */
export function answerPlan(request: SquadRequest): string {
  const owners = request.facts.filter((fact) => fact.name === "Owner").map((fact) => readOwner(fact.value));
  const most = Number.parseInt(factOf(request, "At most"), 10) || MOST_SECTIONS;
  const documents = request.attachments.map(({ path, text }) => readDocument(path, withoutNote(text)));
  const steps = documents.some((document) => document.passages.length > 0)
    ? planDocuments(request, documents, owners, most)
    : planTask(request, owners, most);
  return JSON.stringify({ steps });
}

/** "Rosa (researcher)". */
function readOwner(text: string): Owner {
  const match = /^(.*) \(([^()]*)\)$/.exec(text);
  return match === null ? { name: text, role: "" } : { name: match[1] ?? "", role: match[2] ?? "" };
}

/** Takes off the remark that prompts put under an attachment they do not show in full. */
export function withoutNote(text: string): string {
  return text.replace(/\n\[… cut here: [^\]]*\]$/, "");
}

function planDocuments(
  request: SquadRequest,
  documents: readonly Document[],
  owners: readonly Owner[],
  most: number,
): PlannedStep[] {
  const claims = asksForClaims(request.task);
  // The look across the whole takes one step where there is room for it.
  const across = claims && most > 1 ? 1 : 0;
  const sections = [...cutIntoSections(documents, Math.min(LEAST_SECTIONS, most)), ...unseen(request, documents)];
  const groups = groupSections(sections, Math.min(MOST_SECTIONS, most - across));
  const steps = groups.map((group, index): PlannedStep => {
    const title = group
      .map((section) => section.title)
      .join(", ")
      .slice(0, 200);
    return {
      key: `part-${index + 1}`,
      title: claims ? `Check the claims of: ${title}` : `Read for the task: ${title}`,
      owner: owners[index % owners.length]?.name ?? "",
      dependsOn: [],
      doneCriterion: `${ranges(group)} are read in full and every statement quotes its line.`,
    };
  });
  if (across === 0) return steps;
  const analyst = owners.find((owner) => owner.role === "analyst") ?? owners[steps.length % owners.length];
  const comparison: PlannedStep = {
    key: "across",
    title: "Compare figures and claims across the whole",
    owner: analyst?.name ?? "",
    dependsOn: [],
    doneCriterion: `${documents.map((document) => document.path).join(", ")}: figures and names that contradict each other are quoted with both lines.`,
  };
  return [...steps, comparison];
}

/** What of the attachments the prompt does not show: members read it with their tools. The line of the cut is read again. */
function unseen(request: SquadRequest, documents: readonly Document[]): Section[] {
  return request.attachments.flatMap(({ path, whole }, index): Section[] => {
    const from = documents[index]?.lineCount ?? 1;
    return whole ? [] : [{ path, title: `the rest of ${path}`, from, to: Number.POSITIVE_INFINITY }];
  });
}

/** The lines of a group as the member's rules read them back: "Lines 1-150 of attachments/a.md". */
function ranges(group: readonly Section[]): string {
  const joined: Section[] = [];
  for (const section of group) {
    const last = joined.at(-1);
    if (last !== undefined && last.path === section.path && last.to + 1 === section.from) last.to = section.to;
    else joined.push({ ...section });
  }
  return joined.map(({ path, from, to }) => `Lines ${from}-${Number.isFinite(to) ? to : "end"} of ${path}`).join("; ");
}

/** Points of a task: its list items, else its sentences that ask for something. */
function planTask(request: SquadRequest, owners: readonly Owner[], most: number): PlannedStep[] {
  const lines = request.task.split("\n");
  const title = lines[0] ?? "";
  const points = lines
    .slice(1)
    .flatMap((line) => /^\s*(?:[-*+]|\d+[.)])\s+(.+)$/.exec(line)?.[1] ?? [])
    .slice(0, most);
  if (points.length >= 2) {
    return points.map((point, index) => ({
      key: `point-${index + 1}`,
      title: point.slice(0, 200),
      owner: bestOwner(point, owners, index),
      dependsOn: [],
      doneCriterion: "What the task says about this point is collected.",
    }));
  }
  return owners.slice(0, most).map((owner, index) => ({
    key: `part-${index + 1}`,
    title: `${owner.role === "" ? owner.name : owner.role}: ${title}`.slice(0, 200),
    owner: owner.name,
    dependsOn: [],
    doneCriterion: "What the task says is collected for this role.",
  }));
}

/** The member whose role the point names, else the next in turn. */
function bestOwner(point: string, owners: readonly Owner[], index: number): string {
  const [best] = rankTexts(
    point,
    owners.map((owner) => owner.role.replaceAll("-", " ")),
  );
  return (owners[best?.index ?? index % owners.length] ?? owners[0])?.name ?? "";
}
