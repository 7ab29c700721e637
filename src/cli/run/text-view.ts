import type { Execution, ExecutionEvent } from "#contracts";
import { formatCost, formatElapsed, plural, printable } from "../format.ts";
import type { Terminal } from "../terminal.ts";
import { describeEvent } from "./describe-event.ts";
import { createLiveArea } from "./live-area.ts";
import { createProgress, type Progress } from "./progress.ts";
import type { RunView } from "./run-view.ts";
import { type Summary, stepMarks, writeSummary } from "./summary.ts";

interface OpenMessage {
  speaker: string;
  /** Of a plan or a review, which is JSON: shown when it is understood, not as it is written. */
  structured: boolean;
  /** The last line, which is not complete yet. */
  rest: string;
}

/** A run for people: the transcript scrolls, and below it a terminal shows the plan, the spend and the time. */
export function createTextView(terminal: Terminal, now: () => number = Date.now): RunView {
  const { style } = terminal;
  const startedAtMs = now();
  const messages = new Map<string, OpenMessage>();
  let progress: Progress = createProgress([]);
  const area = createLiveArea(terminal, () => [...partialLines(), ...planLines(), statusLine()]);

  const elapsed = () => formatElapsed(now() - startedAtMs);
  const say = (line: string) => area.print(`${style("dim", `[${elapsed()}]`)} ${line}`);
  const cost = () => formatCost(progress.costNanoUsd);

  function statusLine(): string {
    const done = progress.steps.filter((step) => step.status === "completed").length;
    const tokens = `${progress.inputTokens + progress.outputTokens} tokens`;
    return style("dim", `${done}/${plural(progress.steps.length, "step")}  ${cost()}  ${tokens}  ${elapsed()}`);
  }

  function planLines(): string[] {
    return progress.steps.map((step) => {
      const line = `${stepMarks[step.status]} ${printable(step.title)} (${progress.speaker(step.memberId)})`;
      return step.status === "running" ? style("cyan", line) : style("dim", line);
    });
  }

  function partialLines(): string[] {
    return [...messages.values()]
      .filter((message) => message.rest !== "" && !message.structured)
      .map((message) => spoken(message.speaker, message.rest));
  }

  const spoken = (speaker: string, text: string) => `  ${style("cyan", speaker)} │ ${text}`;

  function write(message: OpenMessage, text: string): void {
    const lines = (message.rest + printable(text)).split("\n");
    message.rest = lines.pop() ?? "";
    if (!message.structured) for (const line of lines) area.print(spoken(message.speaker, line));
  }

  function endMessage(message: OpenMessage | undefined): void {
    if (message && message.rest !== "" && !message.structured) area.print(spoken(message.speaker, message.rest));
  }

  function showMessage(event: ExecutionEvent): void {
    if (event.type === "message-start") {
      const kind = progress.step(event.stepId)?.kind;
      const structured = kind === "plan" || kind === "review";
      messages.set(event.messageId, { speaker: printable(progress.speaker(event.memberId)), structured, rest: "" });
    } else if (event.type === "message-delta") {
      const message = messages.get(event.messageId);
      if (message) write(message, event.text);
    } else if (event.type === "message-end") {
      endMessage(messages.get(event.messageId));
      messages.delete(event.messageId);
    } else if (event.type === "message-reset") {
      const message = messages.get(event.messageId);
      if (message) say(`${message.speaker} begins this message again: ${printable(event.reason)}`);
      messages.delete(event.messageId);
    }
  }

  return {
    begin(execution: Execution) {
      progress = createProgress(execution.squad.members);
      const { squad } = execution;
      const who = squad.members.map((member) => `${member.name}${member.isLead ? " (lead)" : ""}`).join(", ");
      const models = [...new Set(squad.members.map((member) => member.model))].join(", ");
      area.print(`${style("bold", printable(squad.name))}: ${printable(who)}`);
      area.print(style("dim", `Model ${printable(models)} · execution ${execution.id}`));
    },
    show(event, replay) {
      progress.apply(event);
      if (replay) return;
      showMessage(event);
      const line = describeEvent(event, { progress, style, nowMs: now() });
      if (line !== null) say(line);
    },
    notice: (line) => say(line),
    suspend: () => area.clear(),
    finish(summary: Summary) {
      for (const message of messages.values()) endMessage(message);
      area.close();
      writeSummary(terminal, summary);
    },
    close: () => area.close(),
  };
}
