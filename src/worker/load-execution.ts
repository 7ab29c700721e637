import type { StepRecord } from "#agents";
import type { LlmLane, SquadSnapshot, StepKind, StepStatus, TaskSnapshot } from "#contracts";
import type { Database } from "#db";
import type { LlmFinishReason, LlmToolCall } from "#llm";

/** A finished or unfinished LLM call as the journal holds it. */
export interface RecordedCall {
  id: string;
  stepId: string;
  key: string;
  state: string;
  epoch: number;
  messageId: string;
  provider: string;
  model: string;
  inputTokens: number;
  reservedNanoUsd: number | null;
  response: { toolCalls: LlmToolCall[]; finishReason: LlmFinishReason } | null;
  content: string | null;
}

export interface RecordedTool {
  id: string;
  stepId: string;
  key: string;
  state: "started" | "done" | "failed" | "unknown";
  epoch: number;
  result: string | null;
}

/** Everything a worker needs to go on with an execution it has claimed. */
export interface LoadedExecution {
  id: string;
  userId: string;
  squadId: string | null;
  epoch: number;
  lane: LlmLane;
  traceparent: string | null;
  squad: SquadSnapshot;
  task: TaskSnapshot;
  llmCalls: number;
  toolCalls: number;
  costNanoUsd: number;
  workedMs: number;
  lastSeq: number;
  cancelRequested: boolean;
  pauseRequested: boolean;
  steps: StepRecord[];
  calls: RecordedCall[];
  tools: RecordedTool[];
  /** Text shown of calls that were in flight when the former worker died, by message id. */
  partialTexts: Map<string, string>;
  /** Ids of calls in flight that a provider's batch will answer. */
  deferredCalls: Set<string>;
  /** Reasons of pauses that a user has already resumed from. */
  pausesResumed: Set<string>;
}

interface HeadRow {
  user_id: string;
  squad_id: string | null;
  epoch: number;
  lane: LlmLane;
  traceparent: string | null;
  snapshot: SquadSnapshot;
  task: TaskSnapshot;
  llm_calls: number;
  tool_calls: number;
  cost_nano_usd: string;
  worked_ms: string;
  last_seq: string;
  cancel: boolean;
  pause: boolean;
}

/** Loads a claimed execution; a fresh one (nothing written yet) costs a single query. */
export async function loadExecution(db: Database, executionId: string): Promise<LoadedExecution> {
  const { rows } = await db.query<HeadRow>(
    "execution_load",
    `SELECT t.user_id, t.squad_id, t.epoch, t.lane, t.traceparent, s.snapshot, t.task, t.llm_calls, t.tool_calls,
       t.cost_nano_usd, t.worked_ms, t.last_seq, t.cancel_requested_at IS NOT NULL AS cancel,
       t.pause_requested_at IS NOT NULL AS pause
     FROM task_executions t JOIN squad_snapshots s ON s.id = t.squad_snapshot_id WHERE t.id = $1`,
    [executionId],
  );
  const head = rows[0];
  if (!head) throw new Error(`Execution ${executionId} is gone.`);
  const loaded: LoadedExecution = {
    id: executionId,
    userId: head.user_id,
    squadId: head.squad_id,
    epoch: head.epoch,
    lane: head.lane,
    traceparent: head.traceparent,
    squad: head.snapshot,
    task: head.task,
    llmCalls: head.llm_calls,
    toolCalls: head.tool_calls,
    costNanoUsd: Number(head.cost_nano_usd),
    workedMs: Number(head.worked_ms),
    lastSeq: Number(head.last_seq),
    cancelRequested: head.cancel,
    pauseRequested: head.pause,
    steps: [],
    calls: [],
    tools: [],
    partialTexts: new Map(),
    deferredCalls: new Set(),
    pausesResumed: new Set(),
  };
  if (head.epoch > 1) {
    await loadPast(db, loaded);
    if (head.lane === "economy") await loadDeferred(db, loaded);
  }
  return loaded;
}

async function loadPast(db: Database, loaded: LoadedExecution): Promise<void> {
  const [steps, calls, tools, pauses] = await Promise.all([
    db.query<StepRow>("execution_load_steps", stepsSql, [loaded.id]),
    db.query<CallRow>("execution_load_calls", callsSql, [loaded.id]),
    db.query<RecordedTool>(
      "execution_load_tools",
      `SELECT id, step_id AS "stepId", key, state, epoch, result FROM tool_calls WHERE execution_id = $1`,
      [loaded.id],
    ),
    db.query<{ reason: string }>(
      "execution_load_pauses",
      `SELECT e.data->>'reason' AS reason FROM execution_events e WHERE e.execution_id = $1 AND e.type = 'execution-pause'`,
      [loaded.id],
    ),
  ]);
  loaded.steps = steps.rows;
  loaded.calls = calls.rows.map((row) => ({
    ...row,
    reservedNanoUsd: row.reservedNanoUsd === null ? null : Number(row.reservedNanoUsd),
  }));
  loaded.tools = tools.rows;
  loaded.pausesResumed = new Set(pauses.rows.map((row) => row.reason));
  const started = loaded.calls.filter((call) => call.state === "started").map((call) => call.messageId);
  if (started.length > 0) {
    const { rows } = await db.query<{ id: string; text: string | null }>("execution_load_partials", partialsSql, [
      loaded.id,
      started,
    ]);
    for (const row of rows) if (row.text !== null) loaded.partialTexts.set(row.id, row.text);
  }
}

/** Calls that stand in a provider's batch: their answers will come, so that nothing of them is lost with the worker. */
async function loadDeferred(db: Database, loaded: LoadedExecution): Promise<void> {
  const { rows } = await db.query<{ id: string }>(
    "execution_load_deferred",
    `SELECT call_id AS id FROM llm_economy_calls
     WHERE execution_id = $1
       AND (state IN ('waiting', 'submitted', 'done', 'failed') OR state = 'live' AND live_at IS NULL)`,
    [loaded.id],
  );
  loaded.deferredCalls = new Set(rows.map((row) => row.id));
}

type StepRow = StepRecord & { kind: StepKind; status: StepStatus };
type CallRow = Omit<RecordedCall, "reservedNanoUsd"> & { reservedNanoUsd: string | null };

const stepsSql = `
  SELECT s.id, s.key, s.kind, s.title, s.member_id AS "memberId", s.depends_on AS "dependsOn",
    s.done_criterion AS "doneCriterion", s.status, s.output_message_id AS "outputMessageId", m.content AS output, s.data
  FROM execution_steps s LEFT JOIN agent_messages m ON m.id = s.output_message_id
  WHERE s.execution_id = $1 ORDER BY s.ordinal`;

const callsSql = `
  SELECT c.id, c.step_id AS "stepId", c.key, c.state, c.epoch, c.message_id AS "messageId", c.provider, c.model,
    c.input_tokens AS "inputTokens", c.reserved_nano_usd AS "reservedNanoUsd", c.response, m.content
  FROM llm_calls c LEFT JOIN agent_messages m ON m.id = c.message_id
  WHERE c.execution_id = $1 ORDER BY c.started_at`;

// What was shown since the last reset of the message.
const partialsSql = `
  SELECT e.data->>'messageId' AS id, string_agg(e.data->>'text', '' ORDER BY e.seq) AS text
  FROM execution_events e
  WHERE e.execution_id = $1 AND e.type = 'message-delta' AND (e.data->>'messageId')::uuid = ANY($2::uuid[])
    AND e.seq > COALESCE((SELECT max(r.seq) FROM execution_events r WHERE r.execution_id = $1 AND r.type = 'message-reset'
      AND r.data->>'messageId' = e.data->>'messageId'), 0)
  GROUP BY 1`;
