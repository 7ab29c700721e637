import {
  type ExecutionRuntime,
  ExecutionStopped,
  findTool,
  type ModelAnswer,
  type NewStep,
  runTool,
  type StepRecord,
  type StepResult,
  type ToolAnswer,
  type ToolCallRequest,
  type Workspace,
} from "#agents";
import type { EndReason } from "#contracts";
import type { LlmHandler } from "#llm";
import { createModelCaller, deterministicId, type FlushInterval } from "./call-model.ts";
import type { ExecutionJournal } from "./execution-journal.ts";
import { storableText } from "./journal-batch.ts";
import type { LoadedExecution } from "./load-execution.ts";

/** How a run was stopped from inside, when it was not by an error. */
export interface RunStop {
  reason: "cancel" | "pause" | "awaiting_approval" | "shutdown" | "loop_guard" | "limit" | "fenced" | "journal_failed";
  detail: string;
  endReason?: EndReason;
  stepId?: string;
}

export interface Run extends ExecutionRuntime {
  /** Stops the run: nothing new begins; with `abort`, running calls are cut off too. */
  stop(stop: RunStop, abort: boolean): void;
  stopped(): RunStop | null;
  /** Resolves when no call of this run is under way any more. */
  settled(): Promise<void>;
}

/** The runtime of one claimed execution on its journal: what agents do becomes batches, what was done is not done again. */
export function createRun(options: {
  execution: LoadedExecution;
  journal: ExecutionJournal;
  gateway: LlmHandler;
  workspace: Workspace;
  readAttachment: (name: string, maxBytes: number) => Promise<string | null>;
  flushIntervalMs: FlushInterval;
  abort: AbortController;
}): Run {
  const { execution, journal, abort } = options;
  const { limits } = execution.squad;
  const texts = new Map<string, string>();
  const steps = [...execution.steps];
  const underWay = new Set<Promise<unknown>>();
  let stopState: RunStop | null = null;
  let llmCalls = execution.llmCalls;
  let toolCalls = execution.toolCalls;
  let costNanoUsd = execution.costNanoUsd;

  function check(): void {
    if (stopState) throw new ExecutionStopped(stopState.reason);
    const lost = journal.stopped();
    if (lost !== null) throw new ExecutionStopped(lost);
  }

  function stop(next: RunStop, cut: boolean): void {
    // A cancel wins over a pause that came before it.
    if (!stopState || next.reason === "cancel") stopState = next;
    if (cut) abort.abort(new ExecutionStopped(next.reason));
  }

  function limit(endReason: EndReason, detail: string): never {
    stop({ reason: "limit", detail, endReason }, true);
    throw new ExecutionStopped("limit");
  }

  function track<T>(work: Promise<T>): Promise<T> {
    underWay.add(work);
    const done = () => underWay.delete(work);
    work.then(done, done);
    return work;
  }

  const models = createModelCaller({
    execution,
    journal,
    gateway: options.gateway,
    flushIntervalMs: options.flushIntervalMs,
    addCost: (cost) => {
      costNanoUsd += cost;
      return costNanoUsd;
    },
    checkLimit: () => {
      if (llmCalls >= limits.maxLlmCalls) {
        limit(
          "llm_call_limit",
          `The limit of ${limits.maxLlmCalls} LLM calls was reached. Raise the squad's limit and retry.`,
        );
      }
      llmCalls += 1;
    },
  });

  function replaceStep(step: StepRecord, changes: Partial<StepRecord>): StepRecord {
    const index = steps.findIndex((one) => one.id === step.id);
    const current = steps[index];
    if (!current) throw new Error(`Step ${step.key} is not of this execution.`);
    const next = { ...current, ...changes };
    steps[index] = next;
    return next;
  }

  async function addSteps(news: NewStep[]): Promise<StepRecord[]> {
    check();
    const fresh: StepRecord[] = [];
    const result = news.map((one) => {
      const known = steps.find((step) => step.key === one.key);
      if (known) return known;
      const step: StepRecord = {
        ...one,
        id: deterministicId(execution.id, "step", one.key),
        status: "pending",
        output: null,
        data: null,
      };
      steps.push(step);
      fresh.push(step);
      return step;
    });
    if (steps.length > limits.maxSteps) {
      limit(
        "step_limit",
        `The plan needs more than ${limits.maxSteps} steps. Raise the squad's limit or narrow the task.`,
      );
    }
    if (fresh.length > 0) {
      journal.add({
        steps: fresh.map((step) => ({
          id: step.id,
          key: step.key,
          kind: step.kind,
          ordinal: steps.indexOf(step),
          title: storableText(step.title),
          memberId: step.memberId,
          dependsOn: step.dependsOn,
          doneCriterion: storableText(step.doneCriterion),
        })),
        events: [
          {
            type: "step-planned",
            data: {
              steps: fresh.map((step) => ({
                stepId: step.id,
                key: step.key,
                kind: step.kind,
                title: storableText(step.title),
                memberId: step.memberId,
                dependsOn: step.dependsOn,
              })),
            },
          },
        ],
      });
    }
    return result;
  }

  async function startStep(step: StepRecord): Promise<void> {
    check();
    const current = steps.find((one) => one.id === step.id);
    if (!current || current.status !== "pending") return;
    replaceStep(step, { status: "running" });
    journal.add({
      stepStarts: [step.id],
      events: [
        {
          type: "step-start",
          data: {
            stepId: step.id,
            key: step.key,
            kind: step.kind,
            title: storableText(step.title),
            memberId: step.memberId,
            attempt: 1,
            dependsOn: step.dependsOn,
          },
        },
      ],
    });
  }

  async function finishStep(step: StepRecord, result: StepResult): Promise<StepRecord> {
    check();
    const current = steps.find((one) => one.id === step.id);
    if (current && (current.status === "completed" || current.status === "skipped")) return current;
    const output = result.outputMessageId === null ? null : textOf(result.outputMessageId);
    const data = result.data ?? current?.data ?? null;
    const next = replaceStep(step, { status: result.status, output, data });
    const error = result.error === undefined ? null : storableText(result.error);
    journal.add({
      stepEnds: [
        {
          id: step.id,
          status: result.status,
          outputMessageId: result.outputMessageId,
          data: storableJson(data),
          error,
        },
      ],
      events: [
        {
          type: "step-end",
          data: { stepId: step.id, key: step.key, status: result.status, ...(error === null ? {} : { error }) },
        },
      ],
    });
    return next;
  }

  function textOf(messageId: string): string {
    const known = texts.get(messageId) ?? execution.calls.find((one) => one.messageId === messageId)?.content;
    return known ?? "";
  }

  async function callTool(request: ToolCallRequest): Promise<ToolAnswer> {
    check();
    const past = execution.tools.find((one) => one.stepId === request.step.id && one.key === request.key);
    if (past && past.state !== "started") return { state: past.state, content: past.result ?? "" };
    const tool = findTool(request.tool);
    const toolClass = tool?.class ?? "pure";
    const id = past?.id ?? deterministicId(execution.id, request.step.id, "tool", request.key);
    if (past && toolClass === "unsafe") return unknownOutcome(id, request);
    if (toolCalls >= limits.maxToolCalls) {
      limit(
        "tool_call_limit",
        `The limit of ${limits.maxToolCalls} tool calls was reached. Raise the squad's limit and retry.`,
      );
    }
    toolCalls += 1;
    const begin = {
      toolBegins: [
        {
          id,
          stepId: request.step.id,
          key: request.key,
          memberId: request.memberId,
          tool: storableText(request.tool).slice(0, 200),
          class: toolClass,
          arguments: storableText(request.argumentsJson),
        },
      ],
      events: [
        {
          type: "tool-start" as const,
          data: {
            toolCallId: id,
            stepId: request.step.id,
            memberId: request.memberId,
            tool: storableText(request.tool).slice(0, 200),
            arguments: storableText(request.argumentsJson).slice(0, 4_000),
          },
        },
      ],
    };
    // Only what changes something needs its intent on record first; reading can simply be done again.
    if (toolClass === "pure") journal.add(begin);
    else await journal.commit(begin);
    check();
    const answer = await perform(request);
    journal.add({
      toolEnds: [{ id, state: answer.state, result: answer.content }],
      events: [
        {
          type: "tool-end",
          data: { toolCallId: id, state: answer.state, summary: answer.content.slice(0, 500).toWellFormed() },
        },
      ],
    });
    return answer;
  }

  async function perform(request: ToolCallRequest): Promise<ToolAnswer> {
    const tool = findTool(request.tool);
    if (!tool) return { state: "failed", content: `There is no tool named ${request.tool.slice(0, 80)}.` };
    try {
      const answer = await runTool(tool, request.argumentsJson, { workspace: options.workspace, signal: abort.signal });
      return { state: answer.state, content: storableText(answer.content) };
    } catch (error) {
      if (abort.signal.aborted) throw new ExecutionStopped(stopState?.reason ?? "cancel");
      throw error;
    }
  }

  function unknownOutcome(id: string, request: ToolCallRequest): ToolAnswer {
    const content =
      `Muster was interrupted while ${request.tool} ran; whether it took effect is not known. ` +
      "It was not repeated. Look at the current state before you decide what to do.";
    journal.add({
      toolEnds: [{ id, state: "unknown", result: content }],
      events: [{ type: "tool-end", data: { toolCallId: id, state: "unknown", summary: content } }],
    });
    return { state: "unknown", content };
  }

  return {
    squad: execution.squad,
    task: execution.task,
    signal: abort.signal,
    steps: () => [...steps],
    addSteps,
    startStep,
    finishStep,
    async callModel(request): Promise<ModelAnswer> {
      check();
      const answer = await track(models.call(request, abort.signal));
      texts.set(answer.messageId, answer.text);
      return answer;
    },
    callTool: (request) => track(callTool(request)),
    async requestApproval(step, reason) {
      check();
      const decided = steps.find((one) => one.id === step.id)?.data?.["approval"];
      if (typeof decided === "object" && decided !== null && "approved" in decided)
        return { approved: decided.approved === true };
      stop({ reason: "awaiting_approval", detail: reason, stepId: step.id }, false);
      throw new ExecutionStopped("awaiting_approval");
    },
    async pause(reason) {
      check();
      if (execution.pausesResumed.has(reason)) return;
      stop({ reason: "loop_guard", detail: reason }, true);
      throw new ExecutionStopped("loop_guard");
    },
    readAttachment: options.readAttachment,
    stop,
    stopped: () => stopState,
    async settled() {
      while (underWay.size > 0) await Promise.allSettled([...underWay]);
    },
  };
}

function storableJson(value: Record<string, unknown> | null): unknown {
  if (value === null) return null;
  return JSON.parse(storableText(JSON.stringify(value)).replaceAll("\\u0000", "\\ufffd"));
}
