import type {
  AgentMessage,
  Execution,
  ExecutionAction,
  ExecutionStatus,
  ExecutionStep,
  SquadSnapshot,
} from "#contracts";
import type { Queryable } from "#db";
import type { Scope } from "../store.ts";

interface DetailRow {
  id: string;
  task_id: string;
  squad_id: string | null;
  status: ExecutionStatus;
  deferred: boolean;
  end_reason: Execution["endReason"];
  error: string | null;
  created_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
  task: { id: string; title: string; description: string };
  squad: SquadSnapshot;
  avatars: Record<string, string> | null;
  llm_calls: number;
  tool_calls: number;
  input_tokens: number;
  output_tokens: number;
  cost_nano_usd: number;
  cost_incomplete: boolean;
  worked_ms: number;
  last_seq: number;
  cancel: boolean;
  pause: boolean;
  budget: Execution["budget"];
  steps: (Omit<ExecutionStep, "startedAt" | "endedAt"> & { startedAt: string | null; endedAt: string | null })[] | null;
  result_message_id: string | null;
  result_text: string | null;
  streaming:
    | { messageId: string; stepId: string | null; memberId: string | null; model: string; at: string; text: string }[]
    | null;
}

// One statement, so that lastSeq, steps and the text in flight are of one moment.
const detailSql = `
  SELECT t.id, t.task_id, t.squad_id, t.status, t.lane = 'economy' AS deferred, t.end_reason, t.error, t.created_at, t.started_at, t.ended_at, t.task, q.snapshot AS squad,
    (SELECT jsonb_object_agg(m.id, m.avatar_key) FROM squad_members m
       WHERE m.squad_id = t.squad_id AND m.avatar_key IS NOT NULL) AS avatars,
    t.llm_calls, t.tool_calls, t.input_tokens, t.output_tokens, t.cost_nano_usd, t.cost_incomplete,
    (t.worked_ms + CASE WHEN t.running_since IS NULL THEN 0 ELSE GREATEST(0, extract(epoch FROM clock_timestamp() - t.running_since) * 1000) END)::bigint AS worked_ms,
    t.last_seq, t.cancel_requested_at IS NOT NULL AS cancel, t.pause_requested_at IS NOT NULL AS pause,
    (SELECT jsonb_build_object('limitNanoUsd', b.limit_nano_usd, 'spentNanoUsd', b.spent_nano_usd, 'reservedNanoUsd', b.reserved_nano_usd, 'period', b.period)
       FROM budgets b WHERE b.level = 'execution' AND b.scope_id = t.id) AS budget,
    (SELECT jsonb_agg(jsonb_build_object('id', s.id, 'key', s.key, 'kind', s.kind, 'ordinal', s.ordinal, 'title', s.title, 'memberId', s.member_id,
        'dependsOn', to_jsonb(s.depends_on), 'doneCriterion', s.done_criterion, 'status', s.status, 'attempt', s.attempt,
        'outputMessageId', s.output_message_id, 'data', s.data, 'error', s.error, 'startedAt', s.started_at, 'endedAt', s.ended_at,
        'llmCalls', COALESCE(p.calls, 0), 'costNanoUsd', COALESCE(p.cost, 0), 'costIncomplete', COALESCE(p.incomplete, false)) ORDER BY s.ordinal)
       FROM execution_steps s LEFT JOIN (
         SELECT c.step_id, count(DISTINCT c.id) FILTER (WHERE c.ended_at IS NOT NULL) AS calls, sum(u.cost_nano_usd) AS cost,
           bool_or(u.id IS NOT NULL AND u.cost_nano_usd IS NULL) AS incomplete
         FROM llm_calls c LEFT JOIN llm_usage u ON u.execution_id = t.id AND u.llm_call_id = c.id
         WHERE c.execution_id = t.id GROUP BY c.step_id) p ON p.step_id = s.id
       WHERE s.execution_id = t.id) AS steps,
    t.result_message_id, r.content AS result_text,
    CASE WHEN t.status IN ('queued', 'running') THEN (
      SELECT jsonb_agg(jsonb_build_object('messageId', c.message_id, 'stepId', c.step_id, 'memberId', s.member_id, 'model', c.model, 'at', c.started_at,
        'text', COALESCE((SELECT string_agg(e.data->>'text', '' ORDER BY e.seq) FROM execution_events e
          WHERE e.execution_id = t.id AND e.type = 'message-delta' AND e.data->>'messageId' = c.message_id::text
            AND e.seq > COALESCE((SELECT max(x.seq) FROM execution_events x WHERE x.execution_id = t.id AND x.type = 'message-reset'
              AND x.data->>'messageId' = c.message_id::text), 0)), '')) ORDER BY c.started_at)
      FROM llm_calls c LEFT JOIN execution_steps s ON s.id = c.step_id WHERE c.execution_id = t.id AND c.state = 'started') END AS streaming
  FROM task_executions t
  JOIN squad_snapshots q ON q.id = t.squad_snapshot_id
  LEFT JOIN agent_messages r ON r.id = t.result_message_id
  WHERE t.id = $1 AND t.user_id = $2`;

/** An execution with its steps, totals, budget, and what is being written at this moment; null when it is not the caller's. */
export async function readExecution(db: Queryable, scope: Scope, executionId: string): Promise<Execution | null> {
  const { rows } = await db.query<DetailRow>("execution_detail", detailSql, [executionId, scope.userId]);
  const row = rows[0];
  if (!row) return null;
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
    task: { id: row.task.id, title: row.task.title, description: row.task.description },
    squad: squadView(row.squad, row.avatars ?? {}),
    steps: (row.steps ?? []).map((step) => ({
      ...step,
      startedAt: isoOrNull(step.startedAt),
      endedAt: isoOrNull(step.endedAt),
    })),
    totals: {
      llmCalls: row.llm_calls,
      toolCalls: row.tool_calls,
      inputTokens: row.input_tokens,
      outputTokens: row.output_tokens,
      costNanoUsd: row.cost_nano_usd,
      costIncomplete: row.cost_incomplete,
      workedMs: row.worked_ms,
    },
    limits: row.squad.limits,
    budget: row.budget,
    lastSeq: row.last_seq,
    streaming: (row.streaming ?? []).map(streamingMessage),
    result: row.result_message_id === null ? null : { messageId: row.result_message_id, text: row.result_text ?? "" },
    cancelRequested: row.cancel,
    pauseRequested: row.pause,
    allowedActions: allowedActions(row.status),
  };
}

function squadView(
  { limits: _limits, members, ...squad }: SquadSnapshot,
  avatars: Record<string, string>,
): Execution["squad"] {
  return {
    ...squad,
    members: members.map(({ instructions: _instructions, ...member }) => ({
      ...member,
      avatarKey: avatars[member.id] ?? null,
    })),
  };
}

function isoOrNull(value: string | null): string | null {
  return value === null ? null : new Date(value).toISOString();
}

function streamingMessage(one: NonNullable<DetailRow["streaming"]>[number]): AgentMessage {
  return {
    id: one.messageId,
    stepId: one.stepId,
    memberId: one.memberId,
    role: "assistant",
    status: "streaming",
    model: one.model,
    content: one.text,
    toolCalls: null,
    inputTokens: null,
    outputTokens: null,
    createdAt: new Date(one.at).toISOString(),
  };
}

/** What a user may do with an execution of this status. */
export function allowedActions(status: ExecutionStatus): ExecutionAction[] {
  switch (status) {
    case "queued":
    case "running":
      return ["cancel", "pause"];
    case "paused":
      return ["resume", "cancel"];
    case "awaiting_approval":
      return ["approve", "cancel"];
    case "budget_exceeded":
      return ["resume", "retry"];
    case "failed":
    case "cancelled":
      return ["retry"];
    case "completed":
      return [];
  }
}
