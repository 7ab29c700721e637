import type { BatchJobState, ProviderKind } from "#contracts";
import type { ModelPrice } from "../prices.ts";
import type { LlmRequest } from "../types.ts";
import type { BatchItem } from "./batch-clients.ts";

/** Of one deferred call. `live`: it is (or will be) answered by the live endpoint, whatever its batch still says. */
export type EconomyState = "waiting" | "submitted" | "done" | "failed" | "live" | "cancelled";

/** A deferred call as it is kept: enough to send it and to book it without whoever asked. */
export interface EconomyCall {
  /** The same when the call is asked again after a restart. */
  key: string;
  userId: string;
  callId: string;
  accountId: string;
  provider: ProviderKind;
  /** The provider's own name. */
  model: string;
  request: EconomyRequest;
  booking: EconomyBooking;
  /** What its batch can cost at most; null: not known. */
  mostNanoUsd: number | null;
  /** Epoch milliseconds. */
  deadlineMs: number;
}

export interface EconomyRequest extends Omit<BatchItem["call"], "account"> {
  request: LlmRequest;
}

export interface EconomyBooking {
  squadId: string | null;
  executionId: string | null;
  memberId: string | null;
  /** Null for accounts of the installation. */
  accountId: string | null;
  price: ModelPrice | null;
}

export interface EconomyEntry {
  state: EconomyState;
  /** Done: the answer's JSON as the provider gave it. Failed: what it said. */
  result: string | null;
  deadlineMs: number;
}

/** A batch that is not at its end. */
export interface OpenBatch {
  id: string;
  userId: string;
  accountId: string;
  state: Extract<BatchJobState, "submitting" | "running" | "cancelling">;
  providerBatchId: string | null;
  /** Submissions that may have reached the provider; how many calls the last one had, and when it was sent. */
  attempts: number;
  sentCalls: number;
  sentAtMs: number;
  createdAtMs: number;
}

export interface ItemOutcome {
  key: string;
  state: "done" | "failed";
  result: string;
}

/** A call whose answer nobody waits for any more. */
export interface OrphanCall {
  key: string;
  userId: string;
  provider: ProviderKind;
  model: string;
  request: EconomyRequest;
  booking: EconomyBooking;
  mostNanoUsd: number | null;
}

/** An answer that nobody takes. */
export interface LeftAnswer extends OrphanCall {
  batchId: string;
  /** The answer's JSON. */
  result: string;
}

/**
 * What the economy lane must not forget in a restart, shared by all processes.
 *
 * Contract: a call is kept with its request before it is sent; it belongs to one batch at a time; only the process that
 * has the turn hands batches over and asks after them; a result is kept until whoever asked has journalled it.
 */
export interface EconomyStore {
  /** Keeps the call, or finds what became of it before: the entry that counts. */
  join(call: EconomyCall): Promise<EconomyEntry>;
  find(keys: readonly string[]): Promise<Map<string, EconomyEntry>>;
  /**
   * The call's time is up: it leaves the lane, and what its batch may still cost is held against the budgets. Where these
   * have no room for both it stays in its batch. The entry as it is then; null: forgotten meanwhile.
   */
  goLive(key: string): Promise<EconomyEntry | null>;
  /** A live request of the call begins: should nobody settle what it cost, all that was reserved for it counts as spent. */
  beginLive(key: string): Promise<void>;
  /** Asked again, the call starts anew; what its batch still says is booked under its old key, followed by a slash. */
  release(key: string): Promise<void>;
  /** Forgets the call: asked again, it starts anew. */
  forget(key: string): Promise<void>;
  /** True when there is work and this process is the one to do it, for `forMs` from now. */
  takeTurn(holder: string, forMs: number): Promise<boolean>;
  /** Lets another process have it. */
  endTurn(holder: string): Promise<void>;
  /** Makes one batch of calls that waited long enough or are enough; false when there is none to make. */
  makeBatch(limits: { size: number; collectMs: number }): Promise<boolean>;
  openBatches(): Promise<OpenBatch[]>;
  /** What is to be sent; calls that left meanwhile are not among them. Counts the attempt. */
  beginSubmit(batchId: string): Promise<{ key: string; request: EconomyRequest }[]>;
  submitted(batchId: string, providerBatchId: string): Promise<void>;
  /** The provider took nothing of what was submitted. */
  notTaken(batchId: string): Promise<void>;
  /** The provider's ids of batches that are known not to be this one, though its submission may have made one. */
  otherBatches(batchId: string): Promise<Set<string>>;
  notOurs(batchId: string, providerBatchId: string): Promise<void>;
  progress(batchId: string, done: number, failed: number): Promise<void>;
  /** Each call that still waits for the batch gets its outcome; those without one go live. No call can leave it any more. */
  deliver(batchId: string, outcomes: readonly ItemOutcome[]): Promise<void>;
  /** Calls of the batch that left it before their result came; with `waiting`, those that are in it too. */
  orphans(batchId: string, options?: { waiting: boolean }): Promise<OrphanCall[]>;
  /** The batch's end. What was held for calls that had left it is settled with what they cost (by key). */
  ended(batchId: string, leftCosts: Record<string, number | null>): Promise<void>;
  /** Answers whose execution or deferred call ended without taking them. */
  leftAnswers(): Promise<LeftAnswer[]>;
  /** Forgets such an answer, settles what was held for it with its cost, and writes its bill. */
  dropAnswer(key: string, costNanoUsd: number | null, bill: readonly Record<string, unknown>[]): Promise<void>;
  /** The provider refused the batch: its calls go live. */
  refused(batchId: string, error: string): Promise<void>;
  /**
   * The provider has the batch, but it can be followed no more: its calls fail, and the most that it can cost counts as spent
   * in every budget, since nobody will tell what it did cost. `bill`: a row for each, in the same commit.
   */
  lost(batchId: string, error: string, bill: readonly Record<string, unknown>[]): Promise<void>;
  /** Drops calls of executions that ended, cancels batches that nobody waits for, forgets what is old. */
  prune(): Promise<void>;
}
