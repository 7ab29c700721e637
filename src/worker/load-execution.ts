import type { StepRecord } from "#agents";
import type { StepKind, StepStatus } from "#contracts";
import type { Database } from "#db";
import type { LlmFinishReason, LlmToolCall } from "#llm";
import type { Claim, ClaimedExecution } from "#queue";

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
export interface LoadedExecution extends ClaimedExecution {
  id: string;
  epoch: number;
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

/** Adds to a claim what was written under the claims before it; of the first one there is nothing to read. */
export async function loadExecution(db: Database, claim: Claim): Promise<LoadedExecution> {
  const loaded: LoadedExecution = {
    ...claim.execution,
    id: claim.id,
    epoch: claim.epoch,
    steps: [],
    calls: [],
    tools: [],
    partialTexts: new Map(),
    deferredCalls: new Set(),
    pausesResumed: new Set(),
  };
  if (claim.epoch > 1) {
    await loadPast(db, loaded);
    if (loaded.lane === "economy") await loadDeferred(db, loaded);
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
