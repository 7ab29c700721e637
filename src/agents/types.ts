import type { SquadSnapshot, StepKind, StepStatus, TaskSnapshot, ToolClass } from "#contracts";
import type { LlmReply, LlmRequest } from "#llm";

/** A step as the journal knows it. `key` is unique in the execution and stays the same when work is replayed. */
export interface StepRecord {
  id: string;
  key: string;
  kind: StepKind;
  title: string;
  memberId: string | null;
  /** Keys of the steps that must be completed first. */
  dependsOn: string[];
  doneCriterion: string;
  status: StepStatus;
  /** The message that holds the step's result, once there is one. */
  outputMessageId: string | null;
  /** Text of the step's result, once completed. */
  output: string | null;
  /** Small structured facts kept with the step (a reviewer's verdict, a parsed plan). */
  data: Record<string, unknown> | null;
}

export interface NewStep {
  key: string;
  kind: StepKind;
  title: string;
  memberId: string | null;
  dependsOn: string[];
  doneCriterion: string;
}

export interface StepResult {
  status: "completed" | "failed" | "skipped";
  /** The message that holds the step's output; the text itself is stored once, with the message. */
  outputMessageId: string | null;
  data?: Record<string, unknown>;
  error?: string;
}

export interface ModelCall {
  step: StepRecord;
  /** Unique within the step and the same on replay: "turn-1", "repair-1", "review-2/turn-1". */
  key: string;
  memberId: string;
  request: LlmRequest;
}

export interface ModelAnswer extends Pick<LlmReply, "text" | "toolCalls" | "finishReason"> {
  /** The agent message in which the text was stored. */
  messageId: string;
}

export interface ToolCallRequest {
  step: StepRecord;
  /** Unique within the step and the same on replay. */
  key: string;
  memberId: string;
  tool: string;
  /** As the model wrote it. */
  argumentsJson: string;
}

export interface ToolAnswer {
  state: "done" | "failed" | "unknown";
  /** What the model reads. */
  content: string;
}

/**
 * What an execution offers to the squad's process. Implemented by the worker's journal.
 *
 * Contract: every method is idempotent by key. A call that finished before a crash returns its recorded answer without
 * doing anything again; a step that was completed keeps its output. A process is therefore plain code that is run from
 * the top after a crash and finds its way to where it was. Methods reject with `ExecutionStopped` when the execution
 * was cancelled, paused, ran into a limit or was taken over by another worker: let it pass, never catch it.
 */
export interface ExecutionRuntime {
  readonly squad: SquadSnapshot;
  readonly task: TaskSnapshot;
  readonly signal: AbortSignal;
  /** Adds steps (those whose key exists already stay as they are) and returns them in the order given. */
  addSteps(steps: NewStep[]): Promise<StepRecord[]>;
  /** All steps so far, in order of creation. */
  steps(): StepRecord[];
  startStep(step: StepRecord): Promise<void>;
  finishStep(step: StepRecord, result: StepResult): Promise<StepRecord>;
  callModel(call: ModelCall): Promise<ModelAnswer>;
  callTool(call: ToolCallRequest): Promise<ToolAnswer>;
  /** Ends the wait when a user approves or refuses; the execution rests as `awaiting_approval` meanwhile. */
  requestApproval(step: StepRecord, reason: string): Promise<{ approved: boolean }>;
  /**
   * Pauses the execution with a notification to its owner (loop guard): rejects with `ExecutionStopped`. Returns when a
   * user has already resumed from a pause with this very reason: name the step and the call in it, then go on.
   */
  pause(reason: string): Promise<void>;
  /** Attachment text, bounded; for prompts. Null when there is no such readable text file. */
  readAttachment(name: string, maxBytes: number): Promise<string | null>;
}

/** One of `lead`, `sequential`, `parallel`: drives an execution to its result. */
export type SquadProcessRunner = (runtime: ExecutionRuntime) => Promise<ProcessOutcome>;

export type ProcessOutcome =
  | { outcome: "completed"; resultMessageId: string }
  | {
      outcome: "failed";
      reason: "plan_invalid" | "approval_refused" | "step_failed" | "squad_invalid";
      detail: string;
    };

/** Thrown through a process to stop it. `reason` is for the worker, not for the user. */
export class ExecutionStopped extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(`The execution was stopped: ${reason}`);
    this.name = "ExecutionStopped";
    this.reason = reason;
  }
}

/** What a tool may touch: the execution's own workspace. Every path is relative to it; none can leave it. */
export interface ToolContext {
  workspace: Workspace;
  signal: AbortSignal;
}

export interface WorkspaceEntry {
  path: string;
  bytes: number;
  modifiedAt: string;
}

/**
 * Contract: no path leaves the folder, whatever it is named, linked to or raced against; writes are atomic (temporary
 * file, then rename); sizes are bounded; errors are `WorkspaceError` with a sentence a model can act on.
 */
export interface Workspace {
  list(folder?: string): Promise<WorkspaceEntry[]>;
  read(
    path: string,
    options?: { offset?: number; maxBytes?: number },
  ): Promise<{ text: string; bytes: number; truncated: boolean }>;
  readBytes(path: string): Promise<Buffer>;
  search(
    pattern: string,
    options?: { folder?: string; maxMatches?: number },
  ): Promise<{ path: string; line: number; text: string }[]>;
  write(path: string, content: string | Buffer): Promise<{ path: string; bytes: number }>;
  edit(path: string, oldText: string, newText: string): Promise<{ path: string; bytes: number }>;
}

export interface Tool {
  name: string;
  description: string;
  class: ToolClass;
  /** JSON Schema of the arguments (TypeBox), also what the model is told. */
  parameters: Record<string, unknown>;
  /** Arguments have passed the schema. Returns what the model reads. */
  run(args: never, context: ToolContext): Promise<string>;
}
