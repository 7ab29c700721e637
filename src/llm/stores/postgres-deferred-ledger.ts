import type { CallLedger, ReserveOutcome, ReserveRequest, SettleRequest } from "../types.ts";
import { usageRow } from "./postgres-ledger.ts";
import type { Query } from "./query.ts";

export interface DeferredLedger extends CallLedger {
  /** Settles and bills the answer, in the caller's transaction: one that is not written must not be paid for twice. */
  book(query: Query): Promise<void>;
}

/**
 * Reservations of one deferred call, kept under its id over the life of any process: what the batch may cost stays
 * reserved while nobody works the call. Nothing is reserved or settled for a process (`holder`) that does not work the
 * call any more. `keeps` is true while this process hands it over to another.
 */
export function postgresDeferredLedger(
  query: Query,
  call: { id: string; userId: string; holder: string; keeps: () => boolean },
): DeferredLedger {
  let last: ReserveRequest | null = null;
  let answered: SettleRequest | null = null;
  const settle = async (on: Query, request: SettleRequest): Promise<void> => {
    const billed = last !== null && (request.outcome === "done" || wasUsed(request));
    const rows = billed ? [billOf(call, last as ReserveRequest, request)] : [];
    await on("SELECT muster_settle_deferred($1, $2, $3, $4::jsonb)", [
      call.id,
      call.holder,
      request.costNanoUsd,
      JSON.stringify(rows),
    ]);
  };
  return {
    async reserve(request) {
      last = request;
      const { rows } = await query<{ result: ReserveOutcome }>(
        "SELECT muster_reserve_deferred($1, $2, $3, $4, $5, $6, $7::jsonb) AS result",
        [
          call.id,
          call.holder,
          request.inputCostNanoUsd,
          request.outputNanoUsdPerToken,
          request.maxOutputTokens,
          request.minOutputTokens,
          JSON.stringify(request),
        ],
      );
      if (rows[0] === undefined) throw new Error("muster_reserve_deferred gave no row.");
      return rows[0].result;
    },
    async settle(request) {
      if (request.outcome === "cancelled" && !wasUsed(request) && call.keeps()) return;
      if (request.outcome === "done") answered = request;
      else await settle(query, request);
    },
    async book(on) {
      if (answered !== null) await settle(on, answered);
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
