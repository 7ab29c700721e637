import type { OfflineAnswer } from "./offline-answer.ts";
import { rankTexts } from "./rank-passages.ts";
import { factOf, type SquadRequest } from "./read-request.ts";
import { countBySeverity, mergeFindings, NOTICE, readFindings, reportFinding, topFindings } from "./report.ts";

const TOP = 8;
const TOP_QUOTES = 5;

/** The lead's result: the merged report goes into a file where files can be written, its main points into the answer. */
export function answerSummary(request: SquadRequest, tools: ReadonlySet<string>): OfflineAnswer {
  const report = writeReport(request);
  if (!tools.has("write_file")) return { text: report, toolCalls: [] };
  const path = fileName(request);
  const past = request.toolCalls.find((call) => call.name === "write_file");
  if (past === undefined)
    return { text: "", toolCalls: [{ name: "write_file", arguments: { path, content: report } }] };
  // What became of the file is said in the tool's own words: it may have failed.
  return { text: `${writeShort(request)}\n\nThe full report: ${past.result}`, toolCalls: [] };
}

/** The file that the task or the squad's goal names for the result. */
function fileName(request: SquadRequest): string {
  const named = /\b(?:file|to|as|in)\s+`?([\w-]+\.(?:md|txt))\b/i;
  return named.exec(request.task)?.[1] ?? named.exec(request.system)?.[1] ?? "report.md";
}

function titleOf(request: SquadRequest): string {
  return request.task.split("\n")[0] ?? "";
}

function findingsOf(request: SquadRequest) {
  return mergeFindings(request.inputs.flatMap((input) => readFindings(input.text)));
}

function writeShort(request: SquadRequest): string {
  const findings = findingsOf(request);
  if (findings.length > 0) return `${NOTICE}\n\n${introduction(request)}\n\n${topFindings(findings, TOP)}`;
  return `${NOTICE}\n\n${nearest(request)}`;
}

/** The quotes of all steps that are nearest to the task. */
function nearest(request: SquadRequest): string {
  const quotes = request.inputs.flatMap((input) =>
    [...input.text.matchAll(/^\*\*.+?:\d+\*\*.*\n(?:> .*(?:\n|$))+/gm)].map((match) => match[0].trim()),
  );
  const best = rankTexts(request.task, quotes)
    .slice(0, TOP_QUOTES)
    .map(({ index }) => quotes[index] ?? "");
  if (best.length > 0)
    return `Of what ${counted(request.inputs.length, "step")} extracted, nearest to the task:\n\n${best.join("\n\n")}`;
  const parts = request.inputs.map((input) => `- ${input.title} (${input.by})`).join("\n");
  return `The result puts together what ${counted(request.inputs.length, "step")} extracted:\n${parts}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function introduction(request: SquadRequest): string {
  const findings = findingsOf(request);
  const files = [...new Set(findings.map((finding) => finding.path))].join(", ");
  return `The rules object to ${counted(findings.length, "claim")} of ${files}: ${countBySeverity(findings)}. The weightiest, and what to do instead:`;
}

function writeReport(request: SquadRequest): string {
  const findings = findingsOf(request);
  const parts = [`# ${titleOf(request)}`, `*${NOTICE}*`];
  if (findings.length > 0) {
    parts.push("## In short", introduction(request), topFindings(findings, TOP), "## All findings");
    parts.push(...findings.map(reportFinding));
  } else {
    parts.push("## In short", nearest(request));
    for (const input of request.inputs) parts.push(`## ${input.title}`, `*${input.by}*`, body(input.text));
  }
  const open = request.reasons.filter((reason) => reason !== "");
  if (open.length > 0) parts.push("## Open remarks of the review", open.map((reason) => `- ${reason}`).join("\n"));
  parts.push("## What was read", coverage(request), "## Limits", limits(findings.length > 0));
  return `${parts.join("\n\n")}\n`;
}

/** Headings of a member's text go below those of the report. */
function body(text: string): string {
  return text
    .replace(NOTICE, "")
    .trim()
    .replaceAll(/^(#{1,4}) /gm, "##$1 ");
}

function coverage(request: SquadRequest): string {
  const rows = request.inputs.map((input) => {
    const read = /^Read: (.+?)\.(?: Findings: \d+\.)?$/m.exec(input.text)?.[1] ?? "the task";
    return `| ${[input.title, input.by, read, String(readFindings(input.text).length)].map(cell).join(" | ")} |`;
  });
  return ["| step | by | read | findings |", "|---|---|---|---|", ...rows].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

function limits(found: boolean): string {
  return found
    ? "The findings come from fixed rules about patterns that often fail in production, and from a kept list of outdated names. A rule sees the text, not the system: check each finding against the real code before acting. What no rule knows was not found, so a clean passage is not a proven one."
    : "The passages were chosen by the words they share with the task. Nothing was judged or added.";
}

/** The report of a step that is the result itself, where no lead merges. */
export function isLastStep(request: SquadRequest): boolean {
  return request.instruction.includes("You are the last") && factOf(request, "Title") !== "";
}
