import type { Execution, ExecutionEvent, StepKind, StepStatus } from "#contracts";

/** A step of the plan as it stands now. */
export interface StepState {
  stepId: string;
  key: string;
  kind: StepKind;
  title: string;
  memberId: string | null;
  dependsOn: string[];
  status: StepStatus;
}

/** Where an execution stands, told by its events alone. */
export interface Progress {
  readonly steps: readonly StepState[];
  /** Null once a call of unknown price is part of it. */
  readonly costNanoUsd: number | null;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly llmCalls: number;
  step(stepId: string | null): StepState | undefined;
  /** The name of a member, for people. */
  speaker(memberId: string | null): string;
  apply(event: ExecutionEvent): void;
}

/** Follows an execution from its first event. */
export function createProgress(members: Execution["squad"]["members"]): Progress {
  const names = new Map(members.map((member) => [member.id, member.name]));
  const steps: StepState[] = [];
  const byId = new Map<string, StepState>();
  const totals = { costNanoUsd: 0 as number | null, inputTokens: 0, outputTokens: 0, llmCalls: 0 };

  function put(step: Omit<StepState, "status">, status: StepStatus): void {
    const known = byId.get(step.stepId);
    if (known) {
      known.status = status;
      return;
    }
    const { stepId, key, kind, title, memberId, dependsOn } = step;
    const fresh = { stepId, key, kind, title, memberId, dependsOn, status };
    byId.set(stepId, fresh);
    steps.push(fresh);
  }

  return {
    steps,
    get costNanoUsd() {
      return totals.costNanoUsd;
    },
    get inputTokens() {
      return totals.inputTokens;
    },
    get outputTokens() {
      return totals.outputTokens;
    },
    get llmCalls() {
      return totals.llmCalls;
    },
    step: (stepId) => (stepId === null ? undefined : byId.get(stepId)),
    speaker: (memberId) => (memberId === null ? "Muster" : (names.get(memberId) ?? "Muster")),
    apply(event) {
      if (event.type === "step-planned")
        for (const step of event.steps) put(step, byId.get(step.stepId)?.status ?? "pending");
      else if (event.type === "step-start") put(event, "running");
      else if (event.type === "step-end") {
        const step = byId.get(event.stepId);
        if (step) step.status = event.status;
      } else if (event.type === "usage") {
        totals.llmCalls += 1;
        totals.inputTokens += event.inputTokens;
        totals.outputTokens += event.outputTokens;
        totals.costNanoUsd = event.costNanoUsd === null || totals.costNanoUsd === null ? null : event.totalCostNanoUsd;
      }
    },
  };
}
