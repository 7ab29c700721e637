import type { EndReason, ExecutionStatus, StepKind, StepStatus } from "./closed-sets.ts";

/**
 * Everything that is shown of an execution, in the order of its `seq`. Events are stored before they are sent;
 * `seq` starts at 1 and has no gap, so a reader can prove that it has seen all.
 */
export type ExecutionEventBody =
  | { type: "execution-start"; epoch: number }
  | { type: "execution-pause"; reason: string }
  | { type: "execution-resume"; by: "user" | "recovery" }
  | { type: "execution-end"; status: ExecutionStatus; endReason: EndReason; error?: string }
  | {
      type: "step-start";
      stepId: string;
      key: string;
      kind: StepKind;
      title: string;
      memberId: string | null;
      attempt: number;
      dependsOn: string[];
    }
  | { type: "step-end"; stepId: string; key: string; status: StepStatus; error?: string }
  /** The lead's plan was accepted: these steps will run. */
  | { type: "step-planned"; steps: PlannedStep[] }
  | { type: "message-start"; messageId: string; stepId: string | null; memberId: string | null; model: string }
  | { type: "message-delta"; messageId: string; text: string }
  | { type: "message-end"; messageId: string; inputTokens: number | null; outputTokens: number | null }
  /** What was shown of this message is void (the call died or was repeated): clear it. */
  | { type: "message-reset"; messageId: string; reason: string }
  | { type: "tool-start"; toolCallId: string; stepId: string; memberId: string; tool: string; arguments: unknown }
  | { type: "tool-end"; toolCallId: string; state: "done" | "failed" | "unknown"; summary: string }
  | { type: "approval-request"; stepId: string; reason: string }
  | { type: "approval-end"; stepId: string; approved: boolean }
  /** The call waits for the provider's rate limit until the given time. */
  | { type: "rate-wait"; llmCallId: string; untilMs: number }
  | {
      type: "usage";
      llmCallId: string;
      stepId: string | null;
      model: string;
      inputTokens: number;
      outputTokens: number;
      costNanoUsd: number | null;
      totalCostNanoUsd: number;
    }
  | { type: "budget-warning"; level: "instance" | "squad" | "execution"; spentNanoUsd: number; limitNanoUsd: number };

export interface PlannedStep {
  stepId: string;
  key: string;
  kind: StepKind;
  title: string;
  memberId: string | null;
  dependsOn: string[];
}

/** An event as stored and sent: `at` is the database's time in ISO 8601. */
export type ExecutionEvent = ExecutionEventBody & { executionId: string; seq: number; at: string };
export type ExecutionEventType = ExecutionEventBody["type"];

export const executionEventTypes = [
  "execution-start",
  "execution-pause",
  "execution-resume",
  "execution-end",
  "step-start",
  "step-end",
  "step-planned",
  "message-start",
  "message-delta",
  "message-end",
  "message-reset",
  "tool-start",
  "tool-end",
  "approval-request",
  "approval-end",
  "rate-wait",
  "usage",
  "budget-warning",
] as const satisfies readonly ExecutionEventType[];
