import type { MemberSnapshot } from "#contracts";
import { boundText, shareOut } from "./bound-text.ts";
import { block } from "./markers.ts";

/** Characters of other steps' results that a step sees, together. */
const WORK_INPUT_CHARACTERS = 32_000;
const MERGE_INPUT_CHARACTERS = 80_000;

/** A finished step's result as others see it. */
export interface HandedOver {
  key: string;
  title: string;
  by: string;
  text: string;
  /** True when the model stopped at its output limit. */
  truncated: boolean;
}

/** The results a step works on, bounded together; what was cut is said in each. */
function inputBlocks(inputs: readonly HandedOver[], maxCharacters: number): string[] {
  const shares = shareOut(
    inputs.map((input) => input.text.length),
    maxCharacters,
  );
  return inputs.map((input, index) => {
    const note = input.truncated ? "\n[This result ends here because its model reached its output limit.]" : "";
    const text = boundText(input.text, shares[index] ?? 0) + note;
    return block("input", { step: input.key, title: input.title, by: input.by }, text);
  });
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("\n\n");
}

export function planPrompt(context: string, owners: readonly MemberSnapshot[], maxSteps: number): string {
  const lines = owners.map((owner) => `Owner: ${owner.name} (${owner.role})`);
  return joined([
    context,
    block("step", { kind: "plan" }, [...lines, `At most: ${maxSteps} steps`].join("\n")),
    `Plan this task. Answer with JSON only:
{"steps": [{"key": "short-name", "title": "what is done", "owner": "name of the member who does it", "dependsOn": ["keys of steps whose results it needs"], "doneCriterion": "how one can check that it is done", "review": false}]}
- Steps without dependencies run at the same time. Depend only on results that are really needed.
- Owners are exactly the names above. Keys are short, lower case, with hyphens.
- You write the final result from all steps' results yourself afterwards: plan no step for that.
- "review" is true for a step whose mistakes would spoil what depends on it, and for no other.`,
  ]);
}

export function planRepairPrompt(errors: readonly string[]): string {
  return `This plan cannot be used:\n${errors.map((error) => `- ${error}`).join("\n")}\nAnswer with the whole corrected plan as JSON only.`;
}

export interface WorkPrompt {
  context: string;
  title: string;
  doneCriterion: string;
  inputs: readonly HandedOver[];
  /** Set when a reviewer sent the work back: what was handed in, and the reasons. */
  revision?: { previous: string; reasons: readonly string[] };
  instruction: string;
}

export function workPrompt(prompt: WorkPrompt): string {
  const revision = prompt.revision;
  const step = [`Title: ${prompt.title}`];
  if (prompt.doneCriterion !== "") step.push(`Done when: ${prompt.doneCriterion}`);
  return joined([
    prompt.context,
    ...inputBlocks(prompt.inputs, WORK_INPUT_CHARACTERS),
    revision === undefined ? "" : block("previous", {}, boundText(revision.previous, WORK_INPUT_CHARACTERS)),
    revision === undefined ? "" : block("reasons", {}, revision.reasons.map((reason) => `- ${reason}`).join("\n")),
    block("step", { kind: "work" }, step.join("\n")),
    revision === undefined
      ? prompt.instruction
      : "The reviewer sent your work back for these reasons. Hand in the whole result again with these things put right.",
  ]);
}

/** What a reviewer decides about, with each step's criterion. */
export interface ReviewedStep extends HandedOver {
  doneCriterion: string;
}

export function reviewPrompt(context: string, steps: readonly ReviewedStep[]): string {
  const lines = steps.map((step) => `Step: ${step.key} | ${step.title} | done when: ${step.doneCriterion}`);
  return joined([
    context,
    ...inputBlocks(steps, MERGE_INPUT_CHARACTERS),
    block("step", { kind: "review" }, lines.join("\n")),
    `Review the result of each step by its criterion and the task. Answer with JSON only:
{"verdicts": [{"step": "key of the step", "verdict": "accept" or "revise", "reasons": ["what is wrong, where, and what would make it right"]}]}
One verdict for each step. "revise" needs at least one reason; with "accept", reasons are small remarks or empty.`,
  ]);
}

export function reviewRepairPrompt(errors: readonly string[]): string {
  return `This review cannot be used:\n${errors.map((error) => `- ${error}`).join("\n")}\nAnswer with the whole corrected review as JSON only.`;
}

export interface SummaryPrompt {
  context: string;
  inputs: readonly HandedOver[];
  /** Remarks of reviewers that were not put right. */
  openRemarks: readonly string[];
  canWriteFiles: boolean;
}

export function summaryPrompt(prompt: SummaryPrompt): string {
  const remarks = prompt.openRemarks.map((remark) => `- ${remark}`).join("\n");
  return joined([
    prompt.context,
    ...inputBlocks(prompt.inputs, MERGE_INPUT_CHARACTERS),
    remarks === "" ? "" : block("reasons", {}, remarks),
    block("step", { kind: "summary" }, `Title: ${SUMMARY_TITLE}`),
    prompt.canWriteFiles
      ? "Write the squad's result from these results. If the task asks for a text (a report, an analysis, notes), write it in full to a file with write_file first, to report.md unless the task or the squad's goal names another; then answer with the main points and the names of the files. If the result is in files already, answer with what was made, where it is and how to use it. Merge, do not list: remove repetition, resolve contradictions, keep the sources, say what stays open."
      : "Write the squad's result from these results: the answer to the task, in full. Merge, do not list: remove repetition, resolve contradictions, keep the sources, say what stays open.",
  ]);
}

export const SUMMARY_TITLE = "Write the result";
