import {
  type AgentMessage,
  type AgentMessagePage,
  AppError,
  type EndReason,
  type ExecutionListItem,
  type ExecutionListQuery,
  type ExecutionPage,
  type ExecutionStatus,
  type LiveCounts,
  type LlmCallPage,
  type LlmCallView,
  type MessageListQuery,
} from "#contracts";
import { cursorPage, decodeCursor, idBeside, likeAnywhere, type Queryable } from "#db";
import type { Scope } from "../store.ts";

interface ListRow {
  id: string;
  task_id: string;
  squad_id: string | null;
  status: ExecutionStatus;
  deferred: boolean;
  end_reason: EndReason | null;
  error: string | null;
  created_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
  task_title: string;
  squad_name: string;
  input_tokens: number;
  output_tokens: number;
  cost_nano_usd: number;
  cost_incomplete: boolean;
  worked_ms: number;
  running_since: Date | null;
  steps_total: number;
  steps_ended: number;
}

interface CountedRow extends ListRow {
  /** Null where nothing runs or waits. */
  live_counts: Partial<Record<ExecutionStatus, number>> | null;
}

const maxUuid = "ffffffff-ffff-ffff-ffff-ffffffffffff";
const minUuid = "00000000-0000-0000-0000-000000000000";

// One text per set of filters, so that each has its own plan and its own index.
function listSql(filters: Record<"squadId" | "taskId" | "status" | "search", boolean>): { name: string; text: string } {
  const where = ["t.user_id = $1", "t.id < $2"];
  let next = 4;
  if (filters.squadId) where.push(`t.squad_id = $${next++}`);
  if (filters.taskId) where.push(`t.task_id = $${next++}`);
  if (filters.status) where.push(`t.status = $${next++}`);
  if (filters.search) where.push(`t.task->>'title' ILIKE $${next++}`);
  return {
    name: `executions_list_${filters.squadId ? "s" : ""}${filters.taskId ? "t" : ""}${filters.status ? "x" : ""}${filters.search ? "w" : ""}`,
    text: itemsSql(`${where.join(" AND ")} ORDER BY t.id DESC LIMIT $3`),
  };
}

/** What a list item is made of. */
const itemColumns = `id, task_id, squad_id, status, lane, end_reason, error, created_at, started_at, ended_at, task, input_tokens, output_tokens,
  cost_nano_usd, cost_incomplete, worked_ms, running_since`;

/** A column with the caller's live executions counted by status, from the index alone; the same in every row, read once. */
const liveCountsSql = `, (SELECT jsonb_object_agg(c.status, c.executions) FROM (SELECT l.status, count(*)::int AS executions FROM task_executions l
        WHERE l.user_id = $1 AND l.status IN ('queued', 'running', 'paused', 'awaiting_approval') GROUP BY l.status) c) AS live_counts`;

/** Some executions, and how many of all the caller's run or wait: from one statement, so that both are of one moment. */
export interface CountedExecutions {
  items: ExecutionListItem[];
  liveCounts: LiveCounts;
}

function toCounted(rows: readonly CountedRow[]): CountedExecutions {
  const counts = rows[0]?.live_counts ?? {};
  return {
    items: rows.map(toListItem),
    liveCounts: {
      running: counts.running ?? 0,
      queued: counts.queued ?? 0,
      paused: counts.paused ?? 0,
      awaitingApproval: counts.awaiting_approval ?? 0,
    },
  };
}

/** The list items of the executions that a condition (with order and limit) chooses. */
const itemsSql = (chosen: string, more = ""): string =>
  itemsFrom(`SELECT ${itemColumns} FROM task_executions t WHERE ${chosen}`, more);

/**
 * The list items of executions, with more columns behind. The squad's name is looked up for each: joined, a page of fifty may
 * be worth a whole read of the squads to the planner.
 */
function itemsFrom(rows: string, more = ""): string {
  return `
      SELECT t.id, t.task_id, t.squad_id, t.status, t.lane = 'economy' AS deferred, t.end_reason, left(t.error, 200) AS error, t.created_at,
        t.started_at, t.ended_at,
        t.task->>'title' AS task_title, COALESCE((SELECT s.name FROM squads s WHERE s.id = t.squad_id), '') AS squad_name, t.input_tokens, t.output_tokens,
        t.cost_nano_usd, t.cost_incomplete, t.worked_ms, t.running_since, st.total AS steps_total, st.ended AS steps_ended${more}
      FROM (${rows}) t
      CROSS JOIN LATERAL (SELECT count(*)::int AS total, (count(*) FILTER (WHERE e.ended_at IS NOT NULL))::int AS ended
        FROM execution_steps e WHERE e.execution_id = t.id) st
      ORDER BY t.id DESC`;
}

/** The caller's among the named executions, newest first, at most 100. */
export async function readExecutionItems(
  db: Queryable,
  scope: Scope,
  executionIds: readonly string[],
): Promise<CountedExecutions> {
  const { rows } = await db.query<CountedRow>(
    "execution_items",
    itemsSql("t.user_id = $1 AND t.id = ANY($2::uuid[]) ORDER BY t.id DESC LIMIT 100", liveCountsSql),
    [scope.userId, executionIds],
  );
  return toCounted(rows);
}

/** The caller's newest executions, and the newest in each of some states: `limit` of each, newest first, each once. */
export async function listNewestExecutions(
  db: Queryable,
  scope: Scope,
  statuses: readonly ExecutionStatus[],
  limit: number,
): Promise<CountedExecutions> {
  const { rows } = await db.query<CountedRow>(
    "executions_newest",
    itemsFrom(
      `(SELECT ${itemColumns} FROM task_executions WHERE user_id = $1 ORDER BY id DESC LIMIT $3)
        UNION ALL
        SELECT its.* FROM unnest($2::text[]) AS one(status) CROSS JOIN LATERAL
          (SELECT ${itemColumns} FROM task_executions e WHERE e.user_id = $1 AND e.status = one.status ORDER BY e.id DESC LIMIT $3) its`,
      liveCountsSql,
    ),
    [scope.userId, statuses, limit],
  );
  const once = new Map(rows.map((row) => [row.id, row]));
  return toCounted([...once.values()]);
}

/** What runs or waits for the caller, newest first, at most 50. */
export async function listLiveExecutions(db: Queryable, scope: Scope): Promise<CountedExecutions> {
  const { rows } = await db.query<CountedRow>(
    "executions_live",
    itemsSql(
      `t.user_id = $1 AND t.status IN ('queued', 'running', 'paused', 'awaiting_approval')
        ORDER BY t.id DESC LIMIT 50`,
      liveCountsSql,
    ),
    [scope.userId],
  );
  return toCounted(rows);
}

/** The caller's executions, newest first. */
export async function listExecutions(db: Queryable, scope: Scope, query: ExecutionListQuery): Promise<ExecutionPage> {
  const limit = query.limit ?? 20;
  const { name, text } = listSql({
    squadId: query.squadId !== undefined,
    taskId: query.taskId !== undefined,
    status: query.status !== undefined,
    search: query.search !== undefined,
  });
  const words = query.search === undefined ? undefined : likeAnywhere(query.search);
  const filters = [query.squadId, query.taskId, query.status, words].filter((value) => value !== undefined);
  const before = query.cursor === undefined ? maxUuid : decodeCursor(query.cursor);
  const { rows } = await db.query<ListRow>(name, text, [scope.userId, before, limit + 1, ...filters]);
  return cursorPage(rows, limit, (row) => row.id, toListItem);
}

function toListItem(row: ListRow): ExecutionListItem {
  return {
    id: row.id,
    taskId: row.task_id,
    squadId: row.squad_id,
    status: row.status,
    endReason: row.end_reason,
    error: row.error,
    createdAt: row.created_at.toISOString(),
    startedAt: row.started_at?.toISOString() ?? null,
    endedAt: row.ended_at?.toISOString() ?? null,
    deferred: row.deferred,
    taskTitle: row.task_title,
    squadName: row.squad_name,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    costNanoUsd: row.cost_nano_usd,
    costIncomplete: row.cost_incomplete,
    workedMs: row.worked_ms,
    runningSince: row.running_since?.toISOString() ?? null,
    stepsTotal: row.steps_total,
    stepsEnded: row.steps_ended,
  };
}

/** True when the execution is the caller's. */
export async function ownsExecution(db: Queryable, scope: Scope, executionId: string): Promise<boolean> {
  const { rowCount } = await db.query(
    "execution_owned",
    "SELECT 1 FROM task_executions WHERE id = $1 AND user_id = $2",
    [executionId, scope.userId],
  );
  return rowCount === 1;
}

interface MessageRow {
  id: string;
  step_id: string | null;
  member_id: string | null;
  role: AgentMessage["role"];
  status: AgentMessage["status"];
  model: string | null;
  content: string;
  tool_calls: AgentMessage["toolCalls"];
  input_tokens: number | null;
  output_tokens: number | null;
  created_at: Date;
}

/**
 * Both columns of the index in order and bounds: with `task_execution_id = $1` alone the planner takes the ids of all executions
 * in turn where one execution has a large part of the table, and reads far past the others' messages.
 */
function messagesSql(order: "asc" | "desc", filters: Record<"stepId" | "search", boolean>) {
  const [compare, inside, direction] = order === "desc" ? ["<", ">=", "DESC"] : [">", "<=", "ASC"];
  let next = 5;
  const step = filters.stepId ? ` AND m.step_id = $${next++}` : "";
  const words = filters.search ? ` AND m.content ILIKE $${next}` : "";
  const text = `
    SELECT m.id, m.step_id, m.member_id, m.role, m.status, m.model, m.content, m.tool_calls, m.input_tokens, m.output_tokens, m.created_at
    FROM agent_messages m
    WHERE (m.task_execution_id, m.id) ${compare} ($1, $2) AND m.task_execution_id ${inside} $1${step}${words}
      AND EXISTS (SELECT 1 FROM task_executions t WHERE t.id = $1 AND t.user_id = $4)
    ORDER BY m.task_execution_id ${direction}, m.id ${direction} LIMIT $3`;
  return { name: `messages_page_${order}${step && "_step"}${words && "_words"}`, text };
}

/**
 * Messages of an execution by key, all or those of a step or with some words; null when the execution is not the caller's.
 * @throws {AppError} `validation_failed` when both `cursor` and `from` say where to begin.
 */
export async function listMessages(
  db: Queryable,
  scope: Scope,
  executionId: string,
  query: MessageListQuery,
): Promise<AgentMessagePage | null> {
  const limit = query.limit ?? 100;
  const order = query.order ?? "desc";
  const { stepId, search } = query;
  const { name, text } = messagesSql(order, { stepId: stepId !== undefined, search: search !== undefined });
  const words = search === undefined ? undefined : likeAnywhere(search);
  const { rows } = await db.query<MessageRow>(name, text, [
    executionId,
    beginningOf(query, order),
    limit + 1,
    scope.userId,
    ...[stepId, words].filter((value) => value !== undefined),
  ]);
  // An empty page is also what a stranger gets from the statement above: tell the two apart.
  if (rows.length === 0 && !(await ownsExecution(db, scope, executionId))) return null;
  return cursorPage(rows, limit, (row) => row.id, toMessage);
}

/** The id after which a page of messages begins. */
function beginningOf({ cursor, from }: MessageListQuery, order: "asc" | "desc"): string {
  if (cursor !== undefined && from !== undefined)
    throw new AppError("validation_failed", "from: leave it out where there is a cursor");
  if (from !== undefined) return idBeside(from.toLowerCase(), order === "desc" ? 1 : -1);
  if (cursor !== undefined) return decodeCursor(cursor);
  return order === "desc" ? maxUuid : minUuid;
}

function toMessage(row: MessageRow): AgentMessage {
  return {
    id: row.id,
    stepId: row.step_id,
    memberId: row.member_id,
    role: row.role,
    status: row.status,
    model: row.model,
    content: row.content,
    toolCalls: row.tool_calls,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    createdAt: row.created_at.toISOString(),
  };
}

interface CallRow extends Omit<LlmCallView, "startedAt" | "endedAt"> {
  startedAt: Date;
  endedAt: Date | null;
}

const callsSql = `
  SELECT c.id, c.step_id AS "stepId", COALESCE(u.member_id, s.member_id) AS "memberId", c.key, c.state, c.message_id AS "messageId",
    c.provider, c.model, COALESCE(u.input_tokens, c.input_tokens) AS "inputTokens", COALESCE(u.cache_read_tokens, 0) AS "cacheReadTokens",
    COALESCE(u.output_tokens, 0) AS "outputTokens", u.cost_nano_usd AS "costNanoUsd", u.saved_nano_usd AS "savedNanoUsd",
    COALESCE(c.cache_result, CASE WHEN c.state = 'done' THEN u.cache_result END) AS "cacheResult", c.attempts,
    COALESCE(c.rate_wait_ms, u.rate_wait_ms) AS "rateWaitMs", COALESCE(c.time_to_first_token_ms, u.time_to_first_token_ms) AS "timeToFirstTokenMs",
    COALESCE(c.latency_ms, u.latency_ms) AS "latencyMs", c.trimmed, c.error, c.started_at AS "startedAt", c.ended_at AS "endedAt"
  FROM llm_calls c
  JOIN task_executions t ON t.id = c.execution_id AND t.user_id = $1
  LEFT JOIN execution_steps s ON s.id = c.step_id
  LEFT JOIN llm_usage u ON u.execution_id = c.execution_id AND u.llm_call_id = c.id
  WHERE c.execution_id = $2 AND c.message_id > $3 AND ($5::uuid IS NULL OR c.step_id = $5)
  ORDER BY c.message_id LIMIT $4`;

/** The LLM calls of an execution in the order they were begun; null when the execution is not the caller's. */
export async function listLlmCalls(
  db: Queryable,
  scope: Scope,
  executionId: string,
  query: { cursor?: string; limit?: number; stepId?: string },
): Promise<LlmCallPage | null> {
  const limit = query.limit ?? 100;
  const from = query.cursor === undefined ? minUuid : decodeCursor(query.cursor);
  const { rows } = await db.query<CallRow>("llm_calls_page", callsSql, [
    scope.userId,
    executionId,
    from,
    limit + 1,
    query.stepId ?? null,
  ]);
  if (rows.length === 0 && !(await ownsExecution(db, scope, executionId))) return null;
  return cursorPage(
    rows,
    limit,
    (row) => row.messageId,
    (row) => ({ ...row, startedAt: row.startedAt.toISOString(), endedAt: row.endedAt?.toISOString() ?? null }),
  );
}
