import { createHash } from "node:crypto";
import { ExecutionStopped, type ModelAnswer, type ModelCall } from "#agents";
import { LlmError, type LlmHandler } from "#llm";
import { CallRecorder } from "./call-recorder.ts";
import type { ExecutionJournal } from "./execution-journal.ts";
import type { LoadedExecution } from "./load-execution.ts";

export interface CallModelOptions {
  execution: LoadedExecution;
  journal: ExecutionJournal;
  gateway: LlmHandler;
  /** Milliseconds between two commits of streamed text; longer when many streams share the database. */
  flushIntervalMs: () => number;
  /** Adds to the execution's cost and returns the new total, for the usage event. */
  addCost: (costNanoUsd: number) => number;
  /** Throws when the execution may make no further call. */
  checkLimit: () => void;
  /** Resolves when the lease is not in doubt; rejects when the execution was stopped meanwhile. */
  untilCertain: () => Promise<void>;
}

/** Of a UUIDv7: milliseconds since 1970. */
const timeBytes = 6;

/**
 * Makes one LLM call of an execution, journalled: the intent and the reservation before the socket opens, the text while
 * it streams, the answer, the message and the bill together. A call whose end is on record is answered from the record.
 */
export async function callModel(options: CallModelOptions, call: ModelCall, signal: AbortSignal): Promise<ModelAnswer> {
  const { execution } = options;
  const past = execution.calls.filter((one) => one.stepId === call.step.id && one.key === call.key);
  const done = past.find((one) => one.state === "done");
  if (done?.response) return { text: done.content ?? "", ...done.response, messageId: done.messageId };
  options.checkLimit();
  const callId = deterministicId(execution.id, call.step.id, call.key, execution.epoch, past.length + 1);
  const recorder = new CallRecorder({ ...options, call, callId });
  const context = {
    callId,
    tenantId: execution.userId,
    squadId: execution.squadId,
    executionId: execution.id,
    memberId: call.memberId,
    lane: execution.lane,
    deferKey: `${execution.id}/${call.step.id}/${call.key}`,
    cache: "auto",
    signal,
    deadlineMs: null,
    ledger: recorder,
  } as const;
  try {
    return recorder.finish(await options.gateway({ request: call.request, context }, recorder.onFrame));
  } catch (error) {
    recorder.fail(error);
    if (error instanceof LlmError && error.kind === "stopped") {
      throw new ExecutionStopped(recorder.stopReason ?? "stopped");
    }
    throw error;
  }
}

/**
 * The id of the nth attempt at something in an execution: the same on every replay (UUID version 8, RFC 9562, from SHA-256).
 * It begins with the time in the execution's own id, so that what was made together lies together in an index: ids
 * without order leave its pages a third empty and touch another one with each entry.
 */
export function deterministicId(executionId: string, ...parts: (string | number)[]): string {
  const bytes = createHash("sha256")
    .update([executionId, ...parts].join("\u0000"))
    .digest()
    .subarray(0, 16);
  Buffer.from(executionId.replaceAll("-", ""), "hex").copy(bytes, 0, 0, timeBytes);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
