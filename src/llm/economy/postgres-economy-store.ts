import { v7 as uuidv7 } from "uuid";
import type { Query } from "../stores/query.ts";
import type {
  EconomyEntry,
  EconomyRequest,
  EconomyState,
  EconomyStore,
  ItemOutcome,
  LeftAnswer,
  OpenBatch,
  OrphanCall,
} from "./economy-store.ts";

const entryColumns = `key, state, result, extract(epoch FROM deadline_at)::double precision * 1000 AS "deadlineMs"`;
const openBatch = "('submitting', 'running', 'cancelling')";
/** Executions in these states ask for none of their calls again, or begin them anew. */
const endedExecution = "('completed', 'failed', 'cancelled')";

type EntryRow = { key: string; state: EconomyState; result: string | null; deadlineMs: number };

function entryOf({ state, result, deadlineMs }: EntryRow): EconomyEntry {
  return { state, result, deadlineMs };
}

/** In the tables `llm_economy_calls` and `llm_batches`; whose turn it is stands in `installation`. */
export function postgresEconomyStore(query: Query): EconomyStore {
  return { ...callsOf(query), ...turnsOf(query), ...batchesOf(query), ...endsOf(query) };
}

function callsOf(query: Query): Pick<EconomyStore, "join" | "find" | "goLive" | "beginLive" | "release" | "forget"> {
  return {
    async join(call) {
      // An entry of the version before (without a request) is as good as none; so is one whose answer went another way.
      const { rows } = await query<EntryRow>(
        `INSERT INTO llm_economy_calls AS c
           (key, user_id, execution_id, call_id, account_id, provider, model, state, request, booking, deadline_at,
            most_nano_usd)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', $8, $9, to_timestamp($10::double precision / 1000), $11)
         ON CONFLICT (key) DO UPDATE SET call_id = EXCLUDED.call_id,
           live_at = NULL, state = CASE WHEN c.request IS NULL THEN 'waiting' ELSE c.state END,
           llm_batch_id = CASE WHEN c.request IS NULL THEN NULL ELSE c.llm_batch_id END,
           user_id = EXCLUDED.user_id, execution_id = EXCLUDED.execution_id, model = COALESCE(c.model, EXCLUDED.model),
           provider = COALESCE(c.provider, EXCLUDED.provider), request = COALESCE(c.request, EXCLUDED.request),
           booking = COALESCE(c.booking, EXCLUDED.booking), deadline_at = COALESCE(c.deadline_at, EXCLUDED.deadline_at)
         RETURNING ${entryColumns}, hold_id AS "holdId"`,
        [
          call.key,
          call.userId,
          call.booking.executionId,
          call.callId,
          call.accountId,
          call.provider,
          call.model,
          JSON.stringify(call.request),
          JSON.stringify(call.booking),
          call.deadlineMs,
          call.mostNanoUsd,
        ],
      );
      const row = rows[0] as EntryRow & { holdId: string | null };
      // Asked again, its own reservation stands for the batch's answer once more.
      if (row.holdId !== null && (row.state === "submitted" || row.state === "done")) {
        await query(
          `WITH back AS (UPDATE llm_economy_calls SET hold_id = NULL
             WHERE key = $1 AND hold_id = $2 AND state IN ('submitted', 'done') RETURNING 1)
           SELECT muster_settle($2, 0) FROM back`,
          [call.key, row.holdId],
        );
      }
      return entryOf(row);
    },
    async find(keys) {
      const { rows } = await query<EntryRow>(
        `SELECT ${entryColumns} FROM llm_economy_calls WHERE key = ANY($1::text[])`,
        [keys],
      );
      return new Map(rows.map((row) => [row.key, entryOf(row)]));
    },
    async goLive(key) {
      await query("SELECT muster_economy_live($1)", [key]);
      const { rows } = await query<EntryRow>(`SELECT ${entryColumns} FROM llm_economy_calls WHERE key = $1`, [key]);
      return rows[0] === undefined ? null : entryOf(rows[0]);
    },
    async beginLive(key) {
      await query("UPDATE llm_economy_calls SET live_at = clock_timestamp() WHERE key = $1", [key]);
    },
    async release(key) {
      await query("UPDATE llm_economy_calls SET key = key || '/' || gen_random_uuid() WHERE key = $1", [key]);
    },
    async forget(key) {
      await query("DELETE FROM llm_economy_calls WHERE key = $1", [key]);
    },
  };
}

function turnsOf(query: Query): Pick<EconomyStore, "takeTurn" | "endTurn" | "prune"> {
  return {
    async takeTurn(holder, forMs) {
      const { rowCount } = await query(
        `UPDATE installation SET economy_holder = $1, economy_until = clock_timestamp() + make_interval(secs => $2 / 1000.0)
         WHERE (economy_holder = $1 OR economy_until IS NULL OR economy_until < clock_timestamp())
           AND (EXISTS (SELECT FROM llm_economy_calls WHERE state IN ('waiting', 'submitted'))
             OR EXISTS (SELECT FROM llm_batches WHERE state IN ${openBatch})
             OR EXISTS (SELECT FROM llm_economy_calls WHERE hold_id IS NOT NULL AND state = 'done'))`,
        [holder, forMs],
      );
      return rowCount === 1;
    },
    async endTurn(holder) {
      await query("UPDATE installation SET economy_until = NULL WHERE economy_holder = $1", [holder]);
    },
    async prune() {
      await query(
        `UPDATE llm_economy_calls c SET state = 'cancelled' FROM task_executions t
         WHERE t.id = c.execution_id AND c.state IN ('waiting', 'submitted') AND t.status IN ${endedExecution}`,
        [],
      );
      await query(
        `UPDATE llm_economy_calls c SET state = 'cancelled' FROM deferred_calls d
         WHERE d.id = c.call_id AND c.state IN ('waiting', 'submitted') AND d.state <> 'waiting'`,
        [],
      );
      // A batch is cancelled when the last of its calls has left it.
      await query(
        `UPDATE llm_batches b SET state = 'cancelling' WHERE state IN ('submitting', 'running')
           AND NOT EXISTS (SELECT FROM llm_economy_calls c WHERE c.llm_batch_id = b.id AND c.state = 'submitted')`,
        [],
      );
      // In two, each by its index: calls that belong to no execution stay for a month, and there may be many.
      const unwanted = `c.state NOT IN ('waiting', 'submitted') AND c.hold_id IS NULL
         AND NOT EXISTS (SELECT FROM llm_batches b WHERE b.id = c.llm_batch_id AND b.state IN ${openBatch})`;
      await query(
        `DELETE FROM llm_economy_calls c USING task_executions t
         WHERE t.id = c.execution_id AND c.execution_id IS NOT NULL AND t.status IN ${endedExecution} AND ${unwanted}`,
        [],
      );
      await query(
        `DELETE FROM llm_economy_calls c WHERE c.created_at < now() - interval '30 days' AND ${unwanted}`,
        [],
      );
      await query(
        `DELETE FROM llm_batches WHERE created_at < now() - interval '90 days' AND state NOT IN ${openBatch}`,
        [],
      );
    },
  };
}

function batchesOf(
  query: Query,
): Pick<
  EconomyStore,
  "makeBatch" | "openBatches" | "beginSubmit" | "submitted" | "notTaken" | "otherBatches" | "notOurs" | "progress"
> {
  return {
    async makeBatch({ size, collectMs }) {
      // One model to a batch: OpenAI takes no other.
      const { rowCount } = await query(
        `WITH due AS (
           SELECT user_id, account_id, model FROM llm_economy_calls WHERE state = 'waiting' AND request IS NOT NULL
           GROUP BY user_id, account_id, model
           HAVING count(*) >= $2 OR min(created_at) <= clock_timestamp() - make_interval(secs => $3 / 1000.0) LIMIT 1
         ), picked AS (
           SELECT c.key, c.user_id, c.account_id, c.model, c.provider, c.deadline_at
           FROM llm_economy_calls c JOIN due USING (user_id, account_id, model)
           WHERE c.state = 'waiting' AND c.request IS NOT NULL ORDER BY c.created_at LIMIT $2 FOR UPDATE OF c
         ), made AS (
           INSERT INTO llm_batches (id, user_id, account_id, provider, model, state, calls, deadline_at)
           SELECT $1, user_id, account_id, min(provider), model, 'submitting', count(*), min(deadline_at)
           FROM picked GROUP BY user_id, account_id, model RETURNING id
         )
         UPDATE llm_economy_calls c SET state = 'submitted', llm_batch_id = made.id, submitted_at = clock_timestamp()
         FROM picked, made WHERE c.key = picked.key`,
        [uuidv7(), size, collectMs],
      );
      return (rowCount ?? 0) > 0;
    },
    async openBatches() {
      const { rows } = await query<OpenBatch>(
        `SELECT id, user_id AS "userId", account_id AS "accountId", state, provider_batch_id AS "providerBatchId", attempts,
           COALESCE(sent_calls, calls) AS "sentCalls",
           extract(epoch FROM COALESCE(sent_at, created_at))::double precision * 1000 AS "sentAtMs",
           extract(epoch FROM created_at)::double precision * 1000 AS "createdAtMs"
         FROM llm_batches WHERE state IN ${openBatch} ORDER BY id`,
        [],
      );
      return rows;
    },
    async beginSubmit(batchId) {
      const { rows } = await query<{ key: string; request: string }>(
        `WITH sent AS (
           SELECT key, request FROM llm_economy_calls WHERE llm_batch_id = $1 AND state = 'submitted'
         ), counted AS (
           UPDATE llm_batches SET attempts = attempts + 1, sent_calls = (SELECT count(*) FROM sent),
             sent_at = clock_timestamp() WHERE id = $1
         )
         SELECT key, request FROM sent ORDER BY key`,
        [batchId],
      );
      return rows.map(({ key, request }) => ({ key, request: JSON.parse(request) as EconomyRequest }));
    },
    async submitted(batchId, providerBatchId) {
      // Cancelled while it was handed over: it stays so, and the provider is told with the id that is known now.
      await query(
        `UPDATE llm_batches SET state = CASE WHEN state = 'submitting' THEN 'running' ELSE state END,
           provider_batch_id = $2, submitted_at = clock_timestamp() WHERE id = $1`,
        [batchId, providerBatchId],
      );
    },
    async notTaken(batchId) {
      await query("UPDATE llm_batches SET attempts = 0 WHERE id = $1", [batchId]);
    },
    async otherBatches(batchId) {
      const { rows } = await query<{ id: string }>(
        `SELECT unnest(foreign_ids) AS id FROM llm_batches WHERE id = $1
         UNION
         SELECT o.provider_batch_id FROM llm_batches b JOIN llm_batches o USING (user_id, account_id)
         WHERE b.id = $1 AND o.id <> $1 AND o.provider_batch_id IS NOT NULL`,
        [batchId],
      );
      return new Set(rows.map(({ id }) => id));
    },
    async notOurs(batchId, providerBatchId) {
      await query("UPDATE llm_batches SET foreign_ids = foreign_ids || $2::text WHERE id = $1", [
        batchId,
        providerBatchId,
      ]);
    },
    async progress(batchId, done, failed) {
      await query("UPDATE llm_batches SET done_calls = $2, failed_calls = $3 WHERE id = $1", [batchId, done, failed]);
    },
  };
}

const orphanColumns = `c.key, c.user_id AS "userId", c.provider, c.model, c.request, c.booking, c.most_nano_usd AS "mostNanoUsd"`;

function endsOf(
  query: Query,
): Pick<EconomyStore, "deliver" | "orphans" | "ended" | "leftAnswers" | "dropAnswer" | "refused" | "lost"> {
  const orphansBy = async <Orphan extends OrphanCall>(text: string, params: unknown[]): Promise<Orphan[]> => {
    const { rows } = await query<Orphan & { request: string }>(text, params);
    return rows.map((row) => ({ ...row, request: JSON.parse(row.request) as EconomyRequest }));
  };
  return {
    orphans: (batchId, options) =>
      orphansBy(
        `SELECT ${orphanColumns} FROM llm_economy_calls c
         WHERE c.llm_batch_id = $1 AND (c.state IN ('live', 'cancelled') OR $2 AND c.state = 'submitted')`,
        [batchId, options?.waiting === true],
      ),
    async ended(batchId, leftCosts) {
      await query("SELECT muster_end_holds($1, $2::jsonb)", [batchId, JSON.stringify(leftCosts)]);
      await query(
        `UPDATE llm_batches SET state = CASE WHEN state = 'cancelling' THEN 'cancelled' ELSE 'ended' END,
           ended_at = clock_timestamp() WHERE id = $1 AND state IN ${openBatch}`,
        [batchId],
      );
    },
    leftAnswers: () =>
      orphansBy<LeftAnswer>(
        `SELECT ${orphanColumns}, c.result, c.llm_batch_id AS "batchId" FROM llm_economy_calls c
         LEFT JOIN task_executions t ON t.id = c.execution_id LEFT JOIN deferred_calls d ON d.id = c.call_id
         WHERE c.hold_id IS NOT NULL AND c.state = 'done'
           AND (t.status IN ${endedExecution} OR d.state <> 'waiting' OR c.created_at < now() - interval '30 days')`,
        [],
      ),
    async dropAnswer(key, costNanoUsd, bill) {
      await query("SELECT muster_drop_answer($1, $2, $3::jsonb)", [key, costNanoUsd, JSON.stringify(bill)]);
    },
    async deliver(batchId, outcomes: readonly ItemOutcome[]) {
      await query(
        `WITH outcome AS (SELECT * FROM unnest($2::text[], $3::text[], $4::text[]) AS o(key, state, result)),
         counted AS (
           UPDATE llm_batches SET done_calls = (SELECT count(*) FROM outcome WHERE state = 'done'),
             failed_calls = (SELECT count(*) FROM outcome WHERE state = 'failed')
           WHERE id = $1
         )
         UPDATE llm_economy_calls c SET state = COALESCE(o.state, 'live'), result = o.result
         FROM llm_economy_calls d LEFT JOIN outcome o ON o.key = d.key
         WHERE c.key = d.key AND d.llm_batch_id = $1 AND d.state = 'submitted'`,
        [
          batchId,
          outcomes.map(({ key }) => key),
          outcomes.map(({ state }) => state),
          outcomes.map(({ result }) => result),
        ],
      );
    },
    async refused(batchId, error) {
      await query("SELECT muster_end_holds($1, '{}'::jsonb)", [batchId]);
      await query(
        `WITH ended AS (
           UPDATE llm_batches SET state = CASE WHEN state = 'cancelling' THEN 'cancelled' ELSE 'failed' END,
             error = $2, ended_at = clock_timestamp() WHERE id = $1
         )
         UPDATE llm_economy_calls SET state = 'live' WHERE llm_batch_id = $1 AND state = 'submitted'`,
        [batchId, error],
      );
    },
    async lost(batchId, error, bill) {
      await query("SELECT muster_lose_batch($1, $2, $3::jsonb)", [batchId, error, JSON.stringify(bill)]);
    },
  };
}
