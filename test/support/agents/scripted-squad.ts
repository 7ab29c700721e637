import type { ModelCall } from "#agents";
import type { LlmToolCall } from "#llm";
import type { ScriptedModel } from "./memory-runtime.ts";

/** A step of a plan as a scripted lead writes it. */
export interface ScriptedStep {
  key: string;
  owner: string;
  dependsOn?: string[];
  review?: boolean;
}

export function planText(steps: readonly ScriptedStep[]): string {
  return JSON.stringify({
    steps: steps.map(({ key, owner, dependsOn = [], review }) => ({
      key,
      title: `Do ${key}`,
      owner,
      dependsOn,
      doneCriterion: `${key} is done`,
      ...(review === undefined ? {} : { review }),
    })),
  });
}

export function reviewText(verdicts: Record<string, string[]>): string {
  return JSON.stringify({
    verdicts: Object.entries(verdicts).map(([step, reasons]) => ({
      step,
      verdict: reasons.length === 0 ? "accept" : "revise",
      reasons,
    })),
  });
}

export function reply(text: string, toolCalls: LlmToolCall[] = []) {
  return { text, toolCalls, finishReason: toolCalls.length > 0 ? ("tool_calls" as const) : ("stop" as const) };
}

export function toolCall(name: string, args: unknown, id = "call-1"): LlmToolCall {
  return { id, name, arguments: typeof args === "string" ? args : JSON.stringify(args) };
}

/** The keys of the steps a review call asks about. */
export function reviewedKeys(call: ModelCall): string[] {
  const prompt = call.request.messages.find((message) => message.role === "user")?.content ?? "";
  return [...prompt.matchAll(/^Step: (\S+) \|/gm)].map((match) => match[1] ?? "");
}

/**
 * A squad's model: the plan for the lead, a result named after the step for work, verdicts from `judge` (accept when left out).
 * `delay` lets a test decide when each call answers.
 */
export function scriptedSquad(script: {
  plan: readonly ScriptedStep[];
  judge?: (stepKey: string) => string[];
  delay?: (call: ModelCall) => Promise<void>;
}): ScriptedModel {
  return async (call) => {
    await script.delay?.(call);
    switch (call.step.kind) {
      case "plan":
        return reply(planText(script.plan));
      case "review":
        return reply(reviewText(Object.fromEntries(reviewedKeys(call).map((key) => [key, script.judge?.(key) ?? []]))));
      default:
        return reply(`Result of ${call.step.key}`);
    }
  };
}
