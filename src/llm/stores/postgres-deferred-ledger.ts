import type { CallLedger, ReserveOutcome, ReserveRequest, SettleRequest } from "../types.ts";
import { usageRow } from "./postgres-ledger.ts";
import type { Query } from "./query.ts";

/**
 * Reservations of one deferred call, kept under its id over the life of any process: what the batch may cost stays
 * reserved while nobody works the call. `keeps` is true while this process hands it over to another.
 */
export function postgresDeferredLedger(
  query: Query,
  call: { id: string; userId: string; keeps: () => boolean },
): CallLedger {
  let last: ReserveRequest | null = null;
  return {
    async reserve(request) {
      last = request;
      const { rows } = await query<{ result: ReserveOutcome }>(
        "SELECT muster_reserve_deferred($1, $2, $3, $4, $5, $6) AS result",
        [
          call.id,
          call.userId,
          request.inputCostNanoUsd,
          request.outputNanoUsdPerToken,
          request.maxOutputTokens,
          request.minOutputTokens,
        ],
      );
      if (rows[0] === undefined) throw new Error("muster_reserve_deferred gave no row.");
      return rows[0].result;
    },
    async settle(request) {
      if (request.outcome === "cancelled" && !wasUsed(request) && call.keeps()) return;
      const rows =
        last !== null && (request.outcome === "done" || wasUsed(request)) ? [billOf(call, last, request)] : [];
      await query("SELECT muster_settle_deferred($1, $2, $3::jsonb)", [
        call.id,
        request.costNanoUsd,
        JSON.stringify(rows),
      ]);
    },
  };
}

const wasUsed = ({ usage }: SettleRequest): boolean => usage.inputTokens > 0 || usage.outputTokens > 0;

/** The answer's row has the call's id, so that it is written once; failed attempts have ids of their own. */
function billOf(
  { id, userId }: { id: string; userId: string },
  { provider, model, accountId }: ReserveRequest,
  { outcome, usage, costNanoUsd }: SettleRequest,
): Record<string, unknown> {
  return usageRow({
    callId: outcome === "done" ? id : crypto.randomUUID(),
    tenantId: userId,
    squadId: null,
    executionId: null,
    memberId: null,
    lane: "economy",
    provider,
    model,
    accountId,
    outcome,
    errorKind: null,
    cacheResult: "miss",
    usage,
    costNanoUsd,
    savedNanoUsd: null,
    attempts: 1,
    durationMs: 0,
    timeToFirstTokenMs: null,
    rateWaitMs: 0,
    addedMs: 0,
    billedElsewhere: true,
    atMs: Date.now(),
  });
}
