import type { ToolCallListItem, ToolCallListQuery, ToolCallPage, ToolCallRecord, ToolCallState } from "#contracts";
import { cursorPage, decodeCursor, type Queryable } from "#db";
import type { Scope } from "../store.ts";
import { ownsExecution } from "./executions.queries.ts";

/** Characters of arguments and result that a list shows. */
const shownCharacters = 2_000;

interface ToolCallRow {
  id: string;
  step_id: string;
  member_id: string;
  message_id: string | null;
  ordinal: number;
  tool: string;
  state: ToolCallState;
  arguments: string;
  result: string | null;
  started_at: Date;
  ended_at: Date | null;
}

// A member's calls have the key of the model call that asked for them and their place in it: `turn-2/tool-1`.
const columns = `t.id, t.step_id, t.member_id, t.tool, t.state, t.started_at, t.ended_at, c.message_id,
  COALESCE(substring(t.key FROM '/tool-(\\d+)$')::integer, 1) AS ordinal`;
// All model calls of the execution ($2) are read once, not anew for each tool call.
const asked = `LEFT JOIN (
    SELECT DISTINCT ON (step_id, key) step_id, key, message_id FROM llm_calls WHERE execution_id = $2
    ORDER BY step_id, key, state <> 'done', started_at DESC
  ) c ON c.step_id = t.step_id AND c.key = regexp_replace(t.key, '/tool-\\d+$', '')`;

const listSql = `
  SELECT ${columns}, left(t.arguments, $5) AS arguments, left(t.result, $5) AS result,
    length(t.arguments) > $5 AS arguments_truncated, COALESCE(length(t.result) > $5, false) AS result_truncated
  FROM tool_calls t ${asked}
  WHERE t.execution_id = $2 AND ($6::uuid IS NULL OR t.step_id = $6)
    AND EXISTS (SELECT 1 FROM task_executions e WHERE e.id = $2 AND e.user_id = $1)
    AND ($3::uuid IS NULL OR (t.started_at, t.id) > (SELECT l.started_at, l.id FROM tool_calls l WHERE l.id = $3 AND l.execution_id = $2))
  ORDER BY t.started_at, t.id LIMIT $4`;

function toRecord(row: ToolCallRow): ToolCallRecord {
  return {
    id: row.id,
    stepId: row.step_id,
    memberId: row.member_id,
    messageId: row.message_id,
    ordinal: row.ordinal,
    tool: row.tool,
    state: row.state,
    arguments: row.arguments,
    result: row.result,
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
  };
}

/** The tool calls of an execution in the order they were begun; null when the execution is not the caller's. */
export async function listToolCalls(
  db: Queryable,
  scope: Scope,
  executionId: string,
  query: ToolCallListQuery,
): Promise<ToolCallPage | null> {
  const limit = query.limit ?? 100;
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor);
  const { rows } = await db.query<ToolCallRow & { arguments_truncated: boolean; result_truncated: boolean }>(
    "tool_calls_page",
    listSql,
    [scope.userId, executionId, after, limit + 1, shownCharacters, query.stepId ?? null],
  );
  if (rows.length === 0 && !(await ownsExecution(db, scope, executionId))) return null;
  return cursorPage(
    rows,
    limit,
    (row) => row.id,
    (row): ToolCallListItem => ({
      ...toRecord(row),
      argumentsTruncated: row.arguments_truncated,
      resultTruncated: row.result_truncated,
    }),
  );
}

/** One tool call with all of its arguments and result; null when it is missing or another's. */
export async function readToolCall(
  db: Queryable,
  scope: Scope,
  executionId: string,
  toolCallId: string,
): Promise<ToolCallRecord | null> {
  const { rows } = await db.query<ToolCallRow>(
    "tool_call_read",
    `SELECT ${columns}, t.arguments, t.result FROM tool_calls t ${asked}
     JOIN task_executions e ON e.id = t.execution_id AND e.user_id = $1
     WHERE t.execution_id = $2 AND t.id = $3`,
    [scope.userId, executionId, toolCallId],
  );
  return rows[0] ? toRecord(rows[0]) : null;
}
