import type { EndReason, ExecutionEventBody, ExecutionStatus, NotificationKind, StepKind, ToolClass } from "#contracts";
import type { PackedEvents } from "#events";

/** An event on its way into the journal; `data` is the event's body without its type. */
export interface JournalEvent {
  type: ExecutionEventBody["type"];
  data: Record<string, unknown>;
}

export interface BeginCall {
  id: string;
  stepId: string;
  key: string;
  messageId: string;
  provider: string;
  model: string;
  attempt: number;
  inputTokens: number;
  maxOutputTokens: number;
  minOutputTokens: number;
  inputCostNanoUsd: number | null;
  outputNanoUsdPerToken: number | null;
  /** What the attempts before this one cost; settled before the new reservation. */
  spentNanoUsd: number;
  /** What all attempts before this one cost, for the bill should this one be lost. */
  spentInAllNanoUsd: number;
  /** Appended only if the call is granted. */
  events: JournalEvent[];
}

export interface EndCall {
  id: string;
  stepId: string;
  key: string;
  memberId: string | null;
  messageId: string;
  state: "done" | "failed" | "lost" | "cancelled";
  provider: string;
  model: string;
  accountId: string | null;
  cacheResult: string | null;
  response: { toolCalls: unknown[]; finishReason: string } | null;
  error: string | null;
  trimmed: unknown;
  attempts: number;
  latencyMs: number | null;
  timeToFirstTokenMs: number | null;
  rateWaitMs: number | null;
  inputTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  estimated: boolean;
  costNanoUsd: number | null;
  savedNanoUsd: number | null;
  /** True when a reservation is to be settled. */
  reserved: boolean;
  /** Cost of the last attempt, for its reservation; the attempts before it were settled when it began. */
  settleNanoUsd: number | null;
  /** Absent when nothing was used (the call was refused before it was sent). */
  usageId?: string;
}

export interface NewMessage {
  id: string;
  stepId: string | null;
  memberId: string | null;
  role: "assistant" | "tool" | "user";
  status: "completed" | "reset" | "cancelled";
  model: string | null;
  content: string;
  toolCalls: unknown[] | null;
  inputTokens: number | null;
  outputTokens: number | null;
}

export interface CloseExecution {
  status: ExecutionStatus;
  endReason: EndReason | null;
  error: string | null;
  resultMessageId: string | null;
  events: JournalEvent[];
  notification?: { id: string; kind: NotificationKind; title: string; body: string };
}

/** Its events in their stored form, in place of the events themselves. */
type Packed<Part extends { events: JournalEvent[] }> = Omit<Part, "events"> & { packed: PackedEvents };

/** One batch of changes of one execution: applied whole, under its epoch, or not at all (`muster_commit_one`). */
export interface JournalBatch {
  executionId: string;
  epoch: number;
  /** 1, 2, 3 … within the epoch: a batch whose answer was lost is recognised when it comes again. */
  commitNo: number;
  /** Events, and the ids that these and those of `begin` and `close` refer to, as a literal of uuid[]. */
  packed?: PackedEvents;
  ids?: string;
  steps?: {
    id: string;
    key: string;
    kind: StepKind;
    ordinal: number;
    title: string;
    memberId: string | null;
    dependsOn: string[];
    doneCriterion: string;
  }[];
  stepStarts?: string[];
  stepEnds?: { id: string; status: string; outputMessageId: string | null; data: unknown; error: string | null }[];
  begin?: Packed<BeginCall>[];
  ends?: EndCall[];
  messages?: NewMessage[];
  toolBegins?: {
    id: string;
    stepId: string;
    key: string;
    memberId: string;
    tool: string;
    class: ToolClass;
    arguments: string;
  }[];
  toolEnds?: { id: string; state: "done" | "failed" | "unknown"; result: string }[];
  close?: Packed<CloseExecution>;
}

export type BeginResult = { id: string } & (
  | { outcome: "granted"; maxOutputTokens: number; reserved: number | null }
  | {
      outcome: "budget_exceeded";
      level: "instance" | "squad" | "execution";
      limitNanoUsd: number;
      spentNanoUsd: number;
    }
  | { outcome: "price_unknown"; level: "instance" | "squad" | "execution" }
  | { outcome: "stop"; reason: string }
);

export type CommitResult =
  | { outcome: "fenced" }
  | {
      outcome: "ok";
      repeated?: boolean;
      /** Sequence number of the last event of the execution after this batch. */
      lastSeq: number;
      /** What the execution has cost after this batch, with what was billed beside its journal. */
      costNanoUsd: number;
      at: string;
      begin: BeginResult[];
      /** Events added by the database after the batch's own ones. */
      extra: JournalEvent[];
      cancel: boolean;
      pause: boolean;
    };

/** Text that PostgreSQL's jsonb takes: it refuses NUL and lone surrogates, which a model may well produce. */
export function storableText(text: string): string {
  return (text.includes("\u0000") ? text.replaceAll("\u0000", "\uFFFD") : text).toWellFormed();
}
