import { type HandedOver, workPrompt } from "../prompts/step-prompts.ts";
import type { StepRecord } from "../types.ts";
import { runMember } from "./member-loop.ts";
import { memberOf, type ProcessContext } from "./process-context.ts";

/** Upper bounds of one answer in tokens with its reasoning, by kind of step. Budgets reserve by them, and shrink them. */
export const outputTokens = { plan: 8_000, work: 12_000, review: 6_000, summary: 16_000 } as const;

export const WORK_INSTRUCTION = "Do this step and answer with its result.";

/** A work step that is done: its record, whose `output` is never null, and the message that holds it. */
export interface DoneStep {
  step: StepRecord;
  handedOver: HandedOver;
  messageId: string;
}

export type StepOutcome = { outcome: "done"; done: DoneStep } | { outcome: "failed"; detail: string };

/** Everything about a step that its prompt needs beside the task. */
export interface StepBrief {
  inputs: readonly HandedOver[];
  revision?: { previous: string; reasons: readonly string[] };
  instruction?: string;
}

/** Does a work step, or takes its recorded result when it was done before a crash. */
export function doWorkStep(context: ProcessContext, step: StepRecord, brief: StepBrief): Promise<StepOutcome> {
  const { inputs, revision, instruction = WORK_INSTRUCTION } = brief;
  const prompt = () =>
    workPrompt({
      context: context.task,
      title: step.title,
      doneCriterion: step.doneCriterion,
      inputs,
      instruction,
      ...(revision === undefined ? {} : { revision }),
    });
  return doStep(context, step, prompt, outputTokens.work);
}

/** Runs any step in which a member answers with text. */
export async function doStep(
  context: ProcessContext,
  step: StepRecord,
  prompt: () => string,
  maxOutputTokens: number,
): Promise<StepOutcome> {
  const { runtime } = context;
  const member = memberOf(runtime, step);
  const recorded = recordedResult(step, member.name);
  if (recorded !== null) return { outcome: "done", done: recorded };
  if (step.status === "failed") return failed(step, member.name, "it failed before");
  await runtime.startStep(step);
  const result = await runMember(context, { step, member, prompt: prompt(), maxOutputTokens });
  if (result.outcome === "unanswered") {
    await runtime.finishStep(step, { status: "failed", outputMessageId: null, error: result.error });
    return failed(step, member.name, result.error);
  }
  const { messageId, truncated, text } = result;
  const finished = await runtime.finishStep(step, {
    status: "completed",
    outputMessageId: messageId,
    // What is kept with the step already (an approval) stays.
    ...(truncated ? { data: { ...step.data, truncated } } : {}),
  });
  const handedOver = { key: step.key, title: step.title, by: member.name, text, truncated };
  return { outcome: "done", done: { step: finished, handedOver, messageId } };
}

function recordedResult(step: StepRecord, by: string): DoneStep | null {
  const { outputMessageId: messageId } = step;
  if (step.status !== "completed" || step.output === null || messageId === null) return null;
  const truncated = step.data?.truncated === true;
  return { step, handedOver: { key: step.key, title: step.title, by, text: step.output, truncated }, messageId };
}

function failed(step: StepRecord, by: string, why: string): StepOutcome {
  return { outcome: "failed", detail: `Step "${step.title}" (${by}) failed: ${why}` };
}
