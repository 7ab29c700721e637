import {
  type ExecutionRuntime,
  ExecutionStopped,
  type ModelAnswer,
  type ModelCall,
  type NewStep,
  type StepRecord,
  type StepResult,
  type ToolAnswer,
  type ToolCallRequest,
  type Workspace,
} from "#agents";
import type { EndReason, SquadSnapshot, TaskSnapshot } from "#contracts";
import type { LlmHandler } from "#llm";
import type { WorkerLease } from "#queue";
import { callModel, deterministicId } from "./call-model.ts";
import { callTool } from "./call-tool.ts";
import type { ExecutionJournal, LiveEvent } from "./execution-journal.ts";
import { storableText } from "./journal-batch.ts";
import type { LoadedExecution } from "./load-execution.ts";

/** How a run was stopped from inside, when it was not by an error. */
export interface RunStop {
  reason:
    | "cancel"
    | "pause"
    | "awaiting_approval"
    | "shutdown"
    | "loop_guard"
    | "limit"
    | "fault"
    | "fenced"
    | "journal_failed";
  detail: string;
  endReason?: EndReason;
  stepId?: string;
}

const doubtPollMs = 50;

export interface RunOptions {
  execution: LoadedExecution;
  journal: ExecutionJournal;
  gateway: LlmHandler;
  lease: Pick<WorkerLease, "doubtful">;
  workspace: Workspace;
  readAttachment: (name: string, maxBytes: number) => Promise<string | null>;
  flushIntervalMs: () => number;
}

/** The runtime of one claimed execution: what agents do becomes batches of its journal, what was done is not done again. */
export class Run implements ExecutionRuntime {
  readonly #options: RunOptions;
  readonly #abort = new AbortController();
  readonly #steps: StepRecord[];
  readonly #texts = new Map<string, string>();
  readonly #underWay = new Set<Promise<unknown>>();
  #stop: RunStop | null = null;
  #llmCalls: number;
  #toolCalls: number;
  #costNanoUsd: number;

  constructor(options: RunOptions) {
    const { execution } = options;
    this.#options = options;
    this.#steps = [...execution.steps];
    this.#llmCalls = execution.llmCalls;
    this.#toolCalls = execution.toolCalls;
    this.#costNanoUsd = execution.costNanoUsd;
    for (const { messageId, content } of execution.calls) if (content !== null) this.#texts.set(messageId, content);
  }

  get squad(): SquadSnapshot {
    return this.#options.execution.squad;
  }

  get task(): TaskSnapshot {
    return this.#options.execution.task;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get stopped(): RunStop | null {
    return this.#stop;
  }

  /** Stops the run: nothing new begins; with `cut`, running calls are cut off too. A cancel wins over what came before. */
  stop(next: RunStop, cut: boolean): void {
    if (!this.#stop || next.reason === "cancel" || next.reason === "fenced") this.#stop = next;
    if (cut) this.#abort.abort(new ExecutionStopped(next.reason));
  }

  /** What the execution has cost, as it is stored with all that was added here. */
  setCost(costNanoUsd: number): void {
    this.#costNanoUsd = costNanoUsd;
  }

  /** Resolves when no call of this run is under way any more. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled([...this.#underWay]);
  }

  steps(): StepRecord[] {
    return [...this.#steps];
  }

  async addSteps(news: NewStep[]): Promise<StepRecord[]> {
    this.#check();
    const fresh: StepRecord[] = [];
    const result = news.map((one) => {
      const known = this.#steps.find((step) => step.key === one.key);
      if (known) return known;
      const id = deterministicId(this.#options.execution.id, "step", one.key);
      const step: StepRecord = { ...one, id, status: "pending", outputMessageId: null, output: null, data: null };
      this.#steps.push(step);
      fresh.push(step);
      return step;
    });
    const { maxSteps } = this.squad.limits;
    if (this.#steps.length > maxSteps) {
      this.#limit(
        "step_limit",
        `The plan needs more than ${maxSteps} steps. Raise the squad's limit or narrow the task.`,
      );
    }
    if (fresh.length > 0) this.#recordSteps(fresh);
    return result;
  }

  async startStep(step: StepRecord): Promise<void> {
    this.#check();
    if (this.#find(step).status !== "pending") return;
    this.#replace(step, { status: "running" });
    // The step's row has the facts: the event is stored as a reference to it.
    const event: LiveEvent = {
      type: "step-start",
      data: { stepId: step.id, attempt: 1 },
      live: { ...stepFacts(step), attempt: 1 },
    };
    this.#options.journal.add({ stepStarts: [step.id], events: [event] });
  }

  async finishStep(step: StepRecord, result: StepResult): Promise<StepRecord> {
    this.#check();
    const current = this.#find(step);
    if (current.status === "completed" || current.status === "skipped") return current;
    const { status, outputMessageId } = result;
    const data = result.data ?? current.data;
    const output = outputMessageId === null ? null : (this.#texts.get(outputMessageId) ?? "");
    const next = this.#replace(step, { status, outputMessageId, output, data });
    const error = result.error === undefined ? null : storableText(result.error);
    const live = { stepId: step.id, key: step.key, status };
    const event: LiveEvent =
      error === null
        ? { type: "step-end", data: { stepId: step.id, status }, live }
        : { type: "step-end", data: { ...live, error } };
    this.#options.journal.add({
      stepEnds: [{ id: step.id, status, outputMessageId, data: storableJson(data), error }],
      events: [event],
    });
    return next;
  }

  async callModel(call: ModelCall): Promise<ModelAnswer> {
    this.#check();
    const { execution, journal, gateway, flushIntervalMs } = this.#options;
    const options = {
      execution,
      journal,
      gateway,
      flushIntervalMs,
      addCost: (costNanoUsd: number) => {
        this.#costNanoUsd += costNanoUsd;
        return this.#costNanoUsd;
      },
      checkLimit: () => this.#countLlmCall(),
      untilCertain: () => this.#untilCertain(),
    };
    const answer = await this.#track(callModel(options, call, this.signal));
    this.#texts.set(answer.messageId, answer.text);
    return answer;
  }

  async callTool(request: ToolCallRequest): Promise<ToolAnswer> {
    this.#check();
    const { execution, journal, workspace } = this.#options;
    const options = {
      execution,
      journal,
      context: { workspace, signal: this.signal },
      checkLimit: () => this.#countToolCall(),
      checkStopped: async () => {
        await this.#untilCertain();
        this.#check();
      },
    };
    return this.#track(callTool(options, request));
  }

  async requestApproval(step: StepRecord, reason: string): Promise<{ approved: boolean }> {
    this.#check();
    const decided = this.#find(step).data?.approval;
    if (typeof decided === "object" && decided !== null && "approved" in decided) {
      return { approved: decided.approved === true };
    }
    this.stop({ reason: "awaiting_approval", detail: reason, stepId: step.id }, false);
    throw new ExecutionStopped("awaiting_approval");
  }

  async pause(reason: string): Promise<void> {
    this.#check();
    if (this.#options.execution.pausesResumed.has(reason)) return;
    this.stop({ reason: "loop_guard", detail: reason }, true);
    throw new ExecutionStopped("loop_guard");
  }

  readAttachment(name: string, maxBytes: number): Promise<string | null> {
    return this.#options.readAttachment(name, maxBytes);
  }

  #check(): void {
    const reason = this.#stop?.reason ?? this.#options.journal.stopped;
    if (reason !== null) throw new ExecutionStopped(reason);
  }

  /**
   * Waits while the lease is in doubt. A process that was asleep between the commit of an intent and its effect must not
   * act on it: another may have taken over.
   */
  async #untilCertain(): Promise<void> {
    while (this.#options.lease.doubtful()) {
      this.signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, doubtPollMs));
    }
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    const done = () => this.#underWay.delete(work);
    work.then(done, done);
    return work;
  }

  #limit(endReason: EndReason, detail: string): never {
    this.stop({ reason: "limit", detail, endReason }, true);
    throw new ExecutionStopped("limit");
  }

  #countLlmCall(): void {
    const { maxLlmCalls } = this.squad.limits;
    if (this.#llmCalls >= maxLlmCalls) {
      this.#limit(
        "llm_call_limit",
        `The limit of ${maxLlmCalls} LLM calls was reached. Raise the squad's limit and retry.`,
      );
    }
    this.#llmCalls += 1;
  }

  #countToolCall(): void {
    const { maxToolCalls } = this.squad.limits;
    if (this.#toolCalls >= maxToolCalls) {
      const advice = "Raise the squad's limit and retry.";
      this.#limit("tool_call_limit", `The limit of ${maxToolCalls} tool calls was reached. ${advice}`);
    }
    this.#toolCalls += 1;
  }

  #find(step: StepRecord): StepRecord {
    const found = this.#steps.find((one) => one.id === step.id);
    if (!found) throw new Error(`Step ${step.key} is not of this execution.`);
    return found;
  }

  #replace(step: StepRecord, changes: Partial<StepRecord>): StepRecord {
    const next = { ...this.#find(step), ...changes };
    this.#steps[this.#steps.findIndex((one) => one.id === step.id)] = next;
    return next;
  }

  #recordSteps(fresh: StepRecord[]): void {
    const event: LiveEvent = {
      type: "step-planned",
      data: { stepIds: fresh.map((step) => step.id) },
      live: { steps: fresh.map(stepFacts) },
    };
    this.#options.journal.add({
      steps: fresh.map((step) => ({
        id: step.id,
        key: step.key,
        kind: step.kind,
        ordinal: this.#steps.indexOf(step),
        title: storableText(step.title),
        memberId: step.memberId,
        dependsOn: step.dependsOn,
        doneCriterion: storableText(step.doneCriterion),
      })),
      events: [event],
    });
  }
}

/** A step as events show it. */
function stepFacts({ id, key, kind, title, memberId, dependsOn }: StepRecord) {
  return { stepId: id, key, kind, title: storableText(title), memberId, dependsOn };
}

function storableJson(value: Record<string, unknown> | null): unknown {
  return value === null
    ? null
    : JSON.parse(JSON.stringify(value, (_, v) => (typeof v === "string" ? storableText(v) : v)));
}
