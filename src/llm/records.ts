import type { CacheResult, LlmLane, ProviderKind } from "#contracts";
import type { LlmErrorKind } from "./errors.ts";
import type { LlmUsage } from "./types.ts";

/** What became of one gateway call; the row of the bill and the source of every metric. */
export interface LlmCallRecord {
  callId: string;
  tenantId: string;
  squadId: string | null;
  executionId: string | null;
  memberId: string | null;
  lane: LlmLane;
  provider: ProviderKind;
  model: string;
  accountId: string | null;
  outcome: "done" | "failed" | "cancelled";
  errorKind: LlmErrorKind | null;
  cacheResult: CacheResult;
  /** Over all attempts that may have been billed; null when none was. A hit has none. */
  usage: LlmUsage | null;
  /** Null: not known. 0 for hits and for calls that never reached a provider. */
  costNanoUsd: number | null;
  savedNanoUsd: number | null;
  attempts: number;
  durationMs: number;
  /** Null when no token came. */
  timeToFirstTokenMs: number | null;
  rateWaitMs: number;
  /** What Muster itself added: everything that was not waiting for the provider or for a rate limit. */
  addedMs: number;
  /** True when the call's own ledger (an execution's journal) writes the bill: the gateway then must not. */
  billedElsewhere: boolean;
  atMs: number;
}

/** Contract: called once a call and never throws; must be cheap (a few µs), since it runs inside the call. */
export interface LlmObserver {
  onCall(record: LlmCallRecord): void;
  /** A call waits for a rate limit of its account. */
  onRateWait?(wait: { accountId: string; squadId: string | null; untilMs: number }): void;
}
