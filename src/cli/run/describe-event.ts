import type { ExecutionEvent } from "#contracts";
import { formatCost, formatElapsed, plural, printable } from "../format.ts";
import type { Terminal } from "../terminal.ts";
import type { Progress } from "./progress.ts";
import { stepMarks } from "./summary.ts";

interface Telling {
  /** As it stands after the event. */
  progress: Progress;
  style: Terminal["style"];
  nowMs: number;
}

/** What a line of the transcript says of an event; null for messages (which are shown as they are written) and the rest. */
export function describeEvent(event: ExecutionEvent, telling: Telling): string | null {
  const { progress, style, nowMs } = telling;
  const speaker = (memberId: string | null) => printable(progress.speaker(memberId));
  switch (event.type) {
    case "step-planned":
      return plannedLines(progress, event.steps);
    case "step-start":
      return `${stepMarks.running} ${style("bold", speaker(event.memberId))} ${printable(event.title)}`;
    case "step-end":
      return stepEndLine(event.stepId, event.error ?? null, telling);
    case "tool-start":
      return `  ${speaker(event.memberId)} uses ${printable(event.tool)} ${briefArguments(event.arguments)}`;
    case "tool-end":
      return event.state === "done" ? null : `  a tool ended ${event.state}: ${printable(event.summary)}`;
    case "rate-wait":
      return `waits ${formatElapsed(event.untilMs - nowMs)} for the provider's rate limit`;
    case "budget-warning":
      return `${formatCost(event.spentNanoUsd)} of the ${event.level} budget of ${formatCost(event.limitNanoUsd)} is spent`;
    case "execution-pause":
      return `paused: ${printable(event.reason)}`;
    case "execution-resume":
      return event.by === "recovery" ? "taken over from a process that is gone" : "goes on";
    case "approval-request":
      return `waits for approval: ${printable(event.reason)}`;
    case "approval-end":
      return event.approved ? "approved" : "refused";
    default:
      return null;
  }
}

function stepEndLine(stepId: string, error: string | null, { progress, style }: Telling): string | null {
  const step = progress.step(stepId);
  if (!step) return null;
  const why = error === null ? "" : `: ${printable(error)}`;
  const spent = style("dim", `${step.status}, ${formatCost(progress.costNanoUsd)} so far`);
  return `${stepMarks[step.status]} ${printable(step.title)} ${spent}${why}`;
}

/** The steps that were planned, one below the other. */
function plannedLines(progress: Progress, steps: readonly { title: string; memberId: string | null }[]): string {
  const lines = steps.map(
    (step) => `\n         · ${printable(step.title)} (${printable(progress.speaker(step.memberId))})`,
  );
  return `planned ${plural(steps.length, "step")}:${lines.join("")}`;
}

/** The arguments of a tool call, as far as a line takes them. */
function briefArguments(value: unknown): string {
  const text = printable(typeof value === "string" ? value : (JSON.stringify(value) ?? "")).replaceAll("\n", " ");
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
