import { randomUUID } from "node:crypto";
import type { BlockOutcome, LedgerStore } from "../ledger/ledger-store.ts";
import type { LlmCallRecord } from "../records.ts";
import type { Query } from "./query.ts";

/** A slice that nobody renewed for this long is settled as lost; living processes renew theirs every few seconds. */
const BLOCK_SECONDS = 60;

const noUsage = {
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  estimated: false,
};

/** A call as `muster_write_usage` takes it. */
export function usageRow(record: LlmCallRecord): Record<string, unknown> {
  return {
    ...(record.usage ?? noUsage),
    id: record.callId,
    userId: record.tenantId,
    squadId: record.squadId,
    memberId: record.memberId,
    executionId: record.executionId,
    provider: record.provider,
    model: record.model,
    accountId: record.accountId,
    lane: record.lane,
    outcome: record.outcome,
    cacheResult: record.cacheResult,
    costNanoUsd: record.costNanoUsd,
    savedNanoUsd: record.savedNanoUsd,
    latencyMs: Math.round(record.durationMs),
    timeToFirstTokenMs: record.timeToFirstTokenMs === null ? null : Math.round(record.timeToFirstTokenMs),
    rateWaitMs: Math.round(record.rateWaitMs),
    atMs: record.atMs,
  };
}

/** Budgets and bill in the tables `budgets`, `budget_reservations` and `llm_usage` (functions: llm-gateway.sql). */
export function postgresLedgerStore(query: Query): LedgerStore {
  return {
    async leaseBlock(scope, minNanoUsd, wantNanoUsd): Promise<BlockOutcome> {
      const blockId = randomUUID();
      const { rows } = await query<{ result: BlockOutcome }>(
        "SELECT muster_lease_block($1, $2, $3, $4, $5, $6) AS result",
        [blockId, scope.tenantId, scope.squadId, minNanoUsd, wantNanoUsd, BLOCK_SECONDS],
      );
      const result = rows[0]?.result;
      if (result === undefined) throw new Error("muster_lease_block gave no row.");
      return result.outcome === "granted" ? { ...result, blockId } : result;
    },
    async settleBlock(blockId, spentNanoUsd, close) {
      await query("SELECT muster_settle_block($1, $2, $3, $4)", [blockId, spentNanoUsd, close, BLOCK_SECONDS]);
    },
    async writeUsage(records) {
      await query("SELECT muster_write_usage($1::jsonb)", [JSON.stringify(records.map(usageRow))]);
    },
  };
}
