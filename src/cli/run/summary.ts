import { existsSync } from "node:fs";
import type { Execution, StepKind, StepStatus } from "#contracts";
import { type Core, workspaceFolder } from "#main";
import { formatBytes, formatCost, formatCount, formatElapsed, plural, printable } from "../format.ts";
import type { Terminal } from "../terminal.ts";

/** What a run came to. */
export interface Summary {
  executionId: string;
  status: Execution["status"];
  endReason: Execution["endReason"];
  error: string | null;
  /** The squad's answer; null when it was not reached. */
  result: string | null;
  steps: { key: string; kind: StepKind; title: string; member: string | null; status: StepStatus }[];
  llmCalls: number;
  toolCalls: number;
  inputTokens: number;
  outputTokens: number;
  /** Null when the price of a call is not known, or a crash left open what a call has cost. */
  costNanoUsd: number | null;
  /** What is known of the cost: all of it, or a lower bound. */
  knownCostNanoUsd: number;
  /** Time of work, pauses excluded. */
  workedMs: number;
  /** The execution's workspace on this machine; null when nothing was made in it. */
  folder: string | null;
  files: { path: string; bytes: number }[];
}

/** Sums up what is stored of an execution and what lies in its workspace. */
export async function summarize(core: Core, execution: Execution): Promise<Summary> {
  const names = new Map(execution.squad.members.map((member) => [member.id, member.name]));
  const folder = workspaceFolder(core.workspacesDir, execution.id);
  const made = existsSync(folder);
  const { totals } = execution;
  return {
    executionId: execution.id,
    status: execution.status,
    endReason: execution.endReason,
    error: execution.error,
    result: execution.result?.text ?? null,
    steps: execution.steps.map(({ key, kind, title, memberId, status }) => ({
      key,
      kind,
      title,
      member: memberId === null ? null : (names.get(memberId) ?? null),
      status,
    })),
    llmCalls: totals.llmCalls,
    toolCalls: totals.toolCalls,
    inputTokens: totals.inputTokens,
    outputTokens: totals.outputTokens,
    costNanoUsd: totals.costIncomplete ? null : totals.costNanoUsd,
    knownCostNanoUsd: totals.costNanoUsd,
    workedMs: totals.workedMs,
    folder: made ? folder : null,
    files: made ? (await core.workspaces.list(execution.id)).map(({ path, bytes }) => ({ path, bytes })) : [],
  };
}

export const stepMarks: Record<StepStatus, string> = {
  pending: "·",
  running: "▶",
  completed: "✓",
  failed: "✗",
  skipped: "–",
  cancelled: "✗",
};

/** How an execution that has not ended well is brought to its end. */
function advice(summary: Summary): string | null {
  const resume = `muster run --resume ${summary.executionId}`;
  switch (summary.status) {
    case "completed":
      return null;
    case "budget_exceeded":
      return `Go on with more money, all finished work kept: ${resume} --budget USD`;
    case "awaiting_approval":
      return `A step waits for approval: answer in a terminal with ${resume}, or in the UI (muster up)`;
    default:
      return `Go on from the first unfinished step: ${resume}`;
  }
}

/** The summary as people read it. */
export function writeSummary(terminal: Terminal, summary: Summary): void {
  const { style } = terminal;
  const lines: string[] = [""];
  if (summary.result !== null) lines.push(style("bold", "Result"), "", printable(summary.result.trim()), "");
  const colour = summary.status === "completed" ? "green" : "red";
  const fact = (name: string, value: string) => lines.push(`${style("dim", name.padEnd(10))}${value}`);
  fact("Status", style(["bold", colour], summary.status.replaceAll("_", " ")));
  if (summary.error !== null) fact("Reason", printable(summary.error));
  const done = summary.steps.filter((step) => step.status === "completed").length;
  fact("Steps", `${done} of ${summary.steps.length} completed`);
  for (const step of summary.steps) {
    const who = step.member === null ? "" : style("dim", ` (${printable(step.member)})`);
    lines.push(`          ${stepMarks[step.status]} ${printable(step.title)}${who}`);
  }
  fact("Calls", `${plural(summary.llmCalls, "LLM call")}, ${plural(summary.toolCalls, "tool call")}`);
  fact("Tokens", `${formatCount(summary.inputTokens)} in, ${formatCount(summary.outputTokens)} out`);
  const atLeast = summary.costNanoUsd === null ? ` (at least ${formatCost(summary.knownCostNanoUsd)})` : "";
  fact("Cost", `${formatCost(summary.costNanoUsd)}${atLeast}`);
  fact("Time", formatElapsed(summary.workedMs));
  fact("Files", summary.folder ?? "none");
  for (const file of summary.files)
    lines.push(`          ${printable(file.path)} ${style("dim", formatBytes(file.bytes))}`);
  fact("Execution", summary.executionId);
  const next = advice(summary);
  if (next !== null) lines.push("", next);
  terminal.write(`${lines.join("\n")}\n`);
}
