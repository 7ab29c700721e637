import assert from "node:assert/strict";
import type pg from "pg";
import { type Database, openDatabase } from "#db";

export interface PlanNode {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Name"?: string;
  Plans?: PlanNode[];
}
/** A statement that ran, with its plan. */
export interface Told {
  "Query Text": string;
  Plan: PlanNode;
}

export interface ExplainedDatabase {
  db: Database;
  /** What ran since the last call, nested statements too. */
  take(): Told[];
  /** Names of all statements that ran. */
  names: Set<string>;
}

/** The node and all below it. */
export const flatten = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flatten)];

/** Tables that stay small: one row, or one for each process or invited person. */
const small = ["installation", "workers", "invitations"];

/** Fails when one of these statements read a table that grows as a whole; `more` are others that may be. */
export function assertNothingWhole(told: Told[], what: string, more: readonly string[] = []): void {
  for (const { "Query Text": text, Plan } of told) {
    const whole = flatten(Plan).find(
      (node) => node["Node Type"] === "Seq Scan" && ![...small, ...more].includes(node["Relation Name"] ?? ""),
    );
    const statement = `${what}: ${text.replace(/\s+/g, " ").slice(0, 400)}`;
    assert.ok(whole === undefined, `${whole?.["Relation Name"]} is read as a whole: ${statement}`);
  }
}

/** A pool whose connections tell the plan of every statement, nested ones too; `more` are settings of theirs. */
export async function openExplained(url: string, more: Record<string, string> = {}): Promise<ExplainedDatabase> {
  let told: Told[] = [];
  const names = new Set<string>();
  const explained = new URL(url);
  const settings = {
    session_preload_libraries: "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
    client_min_messages: "notice",
    ...more,
  };
  const options = Object.entries(settings).map(([key, value]) => `-c ${key}=${value}`);
  explained.searchParams.set("options", options.join(" "));
  const opened = await openDatabase({
    url: explained.href,
    poolMin: 0,
    poolMax: 4,
    idleTimeoutMs: 10_000,
    connectionTimeoutMs: 10_000,
    slowQueryMs: 60_000,
  });
  const heard = new WeakSet<pg.PoolClient>();
  opened.pool.on("acquire", (client) => {
    if (heard.has(client)) return;
    heard.add(client);
    const query = client.query.bind(client) as (...all: unknown[]) => unknown;
    (client as { query: unknown }).query = (statement: string | { name?: string }, ...rest: unknown[]) => {
      if (typeof statement === "object" && statement.name !== undefined) names.add(statement.name);
      return query(statement, ...rest);
    };
    client.on("notice", ({ message = "" }) => {
      const plan = /plan:\n([\s\S]+)$/.exec(message)?.[1];
      if (plan) told.push(JSON.parse(plan) as Told);
    });
  });
  return {
    db: opened,
    names,
    take() {
      const taken = told;
      told = [];
      return taken;
    },
  };
}

/** Rows without which a table is so small that reading it whole is right. */
export const explainedRows = [
  `INSERT INTO budgets (id, user_id, level, scope_id, period, limit_nano_usd, reserved_nano_usd)
   SELECT gen_random_uuid(), user_id, 'squad', id, 'total', 1000000000000, 5 FROM squads ON CONFLICT DO NOTHING`,
  `INSERT INTO budgets (id, user_id, level, scope_id, period, limit_nano_usd)
   SELECT gen_random_uuid(), id, 'instance', id, 'month', 1000000000000 FROM users ON CONFLICT DO NOTHING`,
  `INSERT INTO budget_reservations (id, budget_id, llm_call_id, amount_nano_usd, period_start)
   SELECT gen_random_uuid(), id, gen_random_uuid(), 5, period_start FROM budgets WHERE level = 'squad'`,
  `INSERT INTO idempotency_keys (user_id, key, request_hash, created_at)
   SELECT id, 'key-' || n, '\\x00', now() - make_interval(hours => n) FROM users, generate_series(1, 20) n`,
  `INSERT INTO conversations (id, user_id, model) SELECT gen_random_uuid(), id, 'm' FROM users, generate_series(1, 5) n`,
  `INSERT INTO conversation_messages (id, conversation_id, role, content)
   SELECT gen_random_uuid(), id, 'user', 'text' FROM conversations, generate_series(1, 5) n`,
  `INSERT INTO llm_cache (key, user_id, model, reply, bytes, expires_at)
   SELECT decode(md5(id::text || n), 'hex'), id, 'm', '{}', 2, now() + interval '1 day' FROM users, generate_series(1, 10) n`,
  "INSERT INTO llm_rate_windows (key) SELECT id || '/requests' FROM users",
  `INSERT INTO llm_rate_leases (id, key, amount, counts_until)
   SELECT gen_random_uuid(), key, 1, now() + interval '1 minute' FROM llm_rate_windows, generate_series(1, 10) n`,
  `INSERT INTO tool_calls (id, execution_id, step_id, key, epoch, member_id, tool, class, arguments, state)
   SELECT gen_random_uuid(), id, gen_random_uuid(), 'turn-1/tool-' || n, 1, gen_random_uuid(), 'read_file', 'pure', '{}', 'done'
   FROM task_executions, generate_series(1, 5) n`,
  `INSERT INTO avatars (user_id, hash, size, format, content)
   SELECT id, md5(id::text || n), 40, 'webp', '' FROM users, generate_series(1, 5) n`,
  `INSERT INTO provider_accounts (id, user_id, kind, name)
   SELECT gen_random_uuid(), id, 'offline', 'own ' || n FROM users, generate_series(1, 3) n`,
  `INSERT INTO web_vitals (user_id, name, value, page, rating, at)
   SELECT id, 'LCP', 1, '/', 'good', now() - make_interval(days => n / 5) FROM users, generate_series(1, 200) n`,
  `INSERT INTO sessions (id, user_id, token_hash, expires_at)
   SELECT gen_random_uuid(), id, decode(md5(id::text || n), 'hex'), now() + make_interval(hours => n - 5) FROM users, generate_series(1, 20) n`,
  `INSERT INTO api_keys (id, user_id, name, prefix, token_hash)
   SELECT gen_random_uuid(), id, 'k', 'mst_', decode(md5(id::text || n), 'hex') FROM users, generate_series(1, 5) n`,
  `INSERT INTO deferred_calls (id, user_id, model, cache, request, state, deadline_at, ended_at)
   SELECT gen_random_uuid(), id, 'm', 'off', '{}', CASE WHEN n > 19 THEN 'waiting' ELSE 'completed' END, now(), now()
   FROM users, generate_series(1, 20) n`,
  `INSERT INTO llm_batches (id, user_id, account_id, provider, model, state, calls, deadline_at)
   SELECT gen_random_uuid(), id, 'a', 'openai', 'm', CASE WHEN n > 19 THEN 'running' ELSE 'ended' END, 1, now()
   FROM users, generate_series(1, 20) n`,
  `INSERT INTO llm_economy_calls (key, user_id, account_id, model, llm_batch_id, state, deadline_at)
   SELECT b.id || '/' || n, b.user_id, 'a', 'm', b.id, CASE WHEN b.state = 'running' THEN 'submitted' ELSE 'done' END, now()
   FROM llm_batches b, generate_series(1, 5) n`,
];
