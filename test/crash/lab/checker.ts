import { isDeepStrictEqual } from "node:util";
import type { ExecutionStatus } from "#contracts";
import type { Database } from "#db";
import { readEvents, toExecutionEvent } from "#events";
import type { Acknowledged, History } from "./history.ts";
import { type LedgerCall, price } from "./provider.ts";

export interface CheckOptions {
  db: Database;
  history: History;
  ledger: LedgerCall[];
  /** Statuses in which the scenario lets executions end; others are violations. */
  allowed: readonly ExecutionStatus[];
  /** Statuses are checked as they are; nothing waits for the end. */
  stuck: readonly string[];
  /** False where the provider itself is faulty: then repeated calls need no disturbance. */
  extraCallsNeedDisturbance: boolean;
}

interface Row {
  id: string;
  status: ExecutionStatus;
  end_reason: string | null;
  error: string | null;
  last_seq: number;
  input_tokens: number;
  output_tokens: number;
  cost_nano_usd: number;
}
interface Call {
  id: string;
  step_id: string;
  key: string;
  state: string;
  started_ms: number;
  ended_ms: number;
}
interface Usage {
  llm_call_id: string;
  outcome: string;
  input_tokens: number;
  output_tokens: number;
  cost_nano_usd: number | null;
  estimated: boolean;
}

/** How much later than a disturbance's end a call that it broke may have begun: what it left is noticed a little later. */
const settleMs = 1_500;

/** Holds what was promised, shown and paid against the database at rest; one sentence for every broken promise. */
export async function check(options: CheckOptions): Promise<string[]> {
  const { db, history } = options;
  const violations = [...history.violations];
  for (const id of options.stuck) violations.push(`${id} is stuck: it does not come to rest`);
  for (const one of history.acknowledged) violations.push(...(await checkExecution(options, one)));
  violations.push(...(await checkBudgets(db)), ...(await checkDoubles(db, history)));
  return violations;
}

async function checkExecution(options: CheckOptions, acknowledged: Acknowledged): Promise<string[]> {
  const { db, allowed, stuck } = options;
  const { executionId: id } = acknowledged;
  const { rows } = await db.query<Row>(
    "crash_execution",
    `SELECT id, status, end_reason, error, last_seq, input_tokens, output_tokens, cost_nano_usd FROM task_executions WHERE id = $1`,
    [id],
  );
  const row = rows[0];
  if (!row) return [`${id} was acknowledged and is lost`];
  const found: string[] = [];
  if (!stuck.includes(id) && !allowed.includes(row.status)) {
    found.push(`${id} ended ${row.status} (${row.end_reason}: ${row.error}) instead of ${allowed.join(" or ")}`);
  }
  const [calls, usage] = await Promise.all([
    db.query<Call>(
      "crash_calls",
      `SELECT id, step_id, key, state, extract(epoch FROM started_at)::float8 * 1000 AS started_ms,
         COALESCE(extract(epoch FROM ended_at)::float8 * 1000, 'infinity') AS ended_ms
       FROM llm_calls WHERE execution_id = $1`,
      [id],
    ),
    db.query<Usage>(
      "crash_usage",
      "SELECT llm_call_id, outcome, input_tokens, output_tokens, cost_nano_usd, estimated FROM llm_usage WHERE execution_id = $1",
      [id],
    ),
  ]);
  found.push(...(await checkEvents(options, row)));
  found.push(...(await checkSteps(db, row)));
  if (!stuck.includes(id)) {
    for (const call of calls.rows) if (call.state === "started") found.push(`${id}: call ${call.id} is still open`);
  }
  found.push(...checkBill(id, row, usage.rows));
  found.push(...checkLedger(options, acknowledged, calls.rows, usage.rows));
  return found;
}

/** Numbers from 1 without a gap, one end, and every event that was shown still there and equal. */
async function checkEvents({ db, history, stuck }: CheckOptions, row: Row): Promise<string[]> {
  const { id } = row;
  const stored = (await readEvents(db, id, 0, 100_000)).map(toExecutionEvent);
  const found: string[] = [];
  stored.forEach((event, index) => {
    if (event.seq !== index + 1) found.push(`${id}: event ${index + 1} is numbered ${event.seq}`);
  });
  if (stored.length !== row.last_seq)
    found.push(`${id}: ${stored.length} events, but the last number is ${row.last_seq}`);
  const ends = stored.filter((event) => event.type === "execution-end").length;
  const terminal = ["completed", "failed", "cancelled", "budget_exceeded"].includes(row.status);
  if (!stuck.includes(id) && terminal && ends !== 1) found.push(`${id}: ${ends} terminal events`);
  if (terminal && stored.at(-1)?.type !== "execution-end")
    found.push(`${id}: its last event is ${stored.at(-1)?.type}`);
  for (const [seq, shown] of history.shown.get(id) ?? []) {
    const kept = stored[seq - 1];
    if (!kept) found.push(`${id}: event ${seq} was shown and is not there`);
    else if (!isDeepStrictEqual(kept, shown)) {
      found.push(`${id}: event ${seq} was shown as ${JSON.stringify(shown)} and is stored as ${JSON.stringify(kept)}`);
    }
  }
  return found;
}

/** Each step is finished once, and what it hands on is there. */
async function checkSteps(db: Database, row: Row): Promise<string[]> {
  const { rows } = await db.query<{ key: string; status: string; ends: number; done: number; output: boolean }>(
    "crash_steps",
    `SELECT s.key, s.status, m.id IS NOT NULL AS output,
       (SELECT count(*)::int FROM execution_events e WHERE e.execution_id = s.execution_id AND e.type = 'step-end'
          AND e.data->>'stepId' = s.id::text AND e.data->>'status' = 'completed') AS ends,
       (SELECT COALESCE(max(n), 0)::int FROM (SELECT count(*) AS n FROM llm_calls c WHERE c.step_id = s.id AND c.state = 'done' GROUP BY c.key) x) AS done
     FROM execution_steps s LEFT JOIN agent_messages m ON m.id = s.output_message_id WHERE s.execution_id = $1`,
    [row.id],
  );
  return rows.flatMap((step) => {
    const found: string[] = [];
    if (step.ends > 1) found.push(`${row.id}: step ${step.key} was finished ${step.ends} times`);
    if (step.done > 1) found.push(`${row.id}: a call of step ${step.key} was finished ${step.done} times`);
    if (step.status === "completed" && !step.output) found.push(`${row.id}: the output of step ${step.key} is gone`);
    if (row.status === "completed" && step.status !== "completed" && step.status !== "skipped") {
      found.push(`${row.id} is completed, its step ${step.key} is ${step.status}`);
    }
    return found;
  });
}

/** The totals of the execution are the sum of its bills. */
function checkBill(id: string, row: Row, usage: Usage[]): string[] {
  const sum = (pick: (one: Usage) => number) => usage.reduce((total, one) => total + pick(one), 0);
  const found: string[] = [];
  const compare = (what: string, total: number, bills: number) => {
    if (total !== bills) found.push(`${id}: ${what} ${total}, but its bills add up to ${bills}`);
  };
  compare(
    "input tokens",
    row.input_tokens,
    sum((one) => one.input_tokens),
  );
  compare(
    "output tokens",
    row.output_tokens,
    sum((one) => one.output_tokens),
  );
  compare(
    "cost",
    row.cost_nano_usd,
    sum((one) => one.cost_nano_usd ?? 0),
  );
  return found;
}

/** Every finished call is one line of the provider's ledger, to the token; every further line is booked and has a cause. */
function checkLedger(options: CheckOptions, acknowledged: Acknowledged, calls: Call[], usage: Usage[]): string[] {
  const { executionId: id, marker } = acknowledged;
  const lines = options.ledger.filter((line) => line.marker === marker && line.outcome !== "refused");
  const found: string[] = [];
  const bills = usage.filter((one) => one.outcome === "done" && one.input_tokens + one.output_tokens > 0);
  // The exact ones first, so that an estimate does not take their line.
  for (const bill of bills.toSorted((a, b) => Number(a.estimated) - Number(b.estimated))) {
    // A bill of several attempts holds estimates of those that broke; only its last one is in the ledger to the token.
    const index = lines.findIndex(
      (line) =>
        line.outcome === "complete" &&
        (bill.estimated
          ? line.outputTokens <= bill.output_tokens
          : line.inputTokens === bill.input_tokens && line.outputTokens === bill.output_tokens),
    );
    if (index === -1) {
      found.push(
        `${id}: the bill of call ${bill.llm_call_id} (${bill.input_tokens} + ${bill.output_tokens} tokens) is in no ledger`,
      );
      continue;
    }
    lines.splice(index, 1);
    if (bill.estimated) continue;
    const cost = bill.input_tokens * price.inputNanoUsd + bill.output_tokens * price.outputNanoUsd;
    if (bill.cost_nano_usd !== cost)
      found.push(`${id}: call ${bill.llm_call_id} was billed ${bill.cost_nano_usd} instead of ${cost}`);
  }
  const unfinished = calls.filter((call) => call.state !== "done" && call.state !== "started");
  const done = calls.filter((call) => call.state === "done").length;
  const billed = usage.filter((one) => one.outcome === "done").length;
  if (done !== billed) found.push(`${id}: ${done} finished calls, ${billed} bills`);
  if (!options.extraCallsNeedDisturbance) return found;
  if (lines.length > unfinished.length) {
    found.push(`${id}: ${lines.length} requests beyond the finished calls, only ${unfinished.length} booked`);
  }
  for (const call of unfinished) {
    const disturbed = options.history.disturbances.some(
      (one) => call.started_ms <= one.untilMs + settleMs && call.ended_ms >= one.fromMs,
    );
    if (!disturbed) found.push(`${id}: call ${call.id} ended ${call.state} though nothing had happened to it`);
  }
  return found;
}

/** Nothing reserved at rest, nothing spent beyond its limit. */
async function checkBudgets(db: Database): Promise<string[]> {
  const { rows } = await db.query<{
    id: string;
    level: string;
    reserved: number;
    spent: number;
    limit: number;
    cost: number;
  }>(
    "crash_budgets",
    `SELECT b.id, b.level, b.reserved_nano_usd AS reserved, b.spent_nano_usd AS spent, b.limit_nano_usd AS limit,
       COALESCE((SELECT sum(u.cost_nano_usd) FROM llm_usage u WHERE CASE b.level WHEN 'execution' THEN u.execution_id = b.scope_id
         WHEN 'squad' THEN u.squad_id = b.scope_id ELSE u.user_id = b.scope_id END), 0)::bigint AS cost FROM budgets b`,
  );
  const { rows: open } = await db.query<{ count: number }>(
    "crash_reservations",
    "SELECT count(*)::int AS count FROM budget_reservations WHERE llm_call_id IS NOT NULL",
  );
  const found = rows.flatMap((row) => {
    const broken: string[] = [];
    if (row.reserved !== 0) broken.push(`budget ${row.id} (${row.level}) holds ${row.reserved} reserved at rest`);
    if (row.spent > row.limit) broken.push(`budget ${row.id} (${row.level}) is exceeded: ${row.spent} of ${row.limit}`);
    if (row.cost > row.limit)
      broken.push(`the bills under budget ${row.id} (${row.level}) are ${row.cost} of ${row.limit}`);
    if (row.cost !== row.spent)
      broken.push(`budget ${row.id} (${row.level}) counts ${row.spent}, its bills are ${row.cost}`);
    return broken;
  });
  if ((open[0]?.count ?? 0) > 0) found.push(`${open[0]?.count} reservations are left at rest`);
  return found;
}

/** One execution for each key and each task that was sent, whatever was retried. */
async function checkDoubles(db: Database, history: History): Promise<string[]> {
  const { rows } = await db.query<{ marker: string; count: number }>(
    "crash_doubles",
    `SELECT task->>'title' AS marker, count(*)::int AS count FROM task_executions GROUP BY 1 HAVING count(*) > 1`,
  );
  const found = rows.map((row) => `${row.count} executions of ${row.marker}: one was asked for`);
  const keys = new Map<string, string>();
  for (const { idempotencyKey, executionId } of history.acknowledged) {
    if (idempotencyKey === null) continue;
    const former = keys.get(idempotencyKey);
    if (former !== undefined && former !== executionId)
      found.push(`key ${idempotencyKey} got ${former} and ${executionId}`);
    keys.set(idempotencyKey, executionId);
  }
  return found;
}
