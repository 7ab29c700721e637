import { createHash } from "node:crypto";
import {
  defaultExecutionLimits,
  type ExecutionLimits,
  type ExecutionState,
  type LlmLane,
  type MemberSnapshot,
  type SquadSnapshot,
  type TaskSnapshot,
} from "#contracts";
import { type Queryable, uuidv7 } from "#db";
import { notFound, type Refusal, type Scope } from "../store.ts";

export interface AcceptExecution {
  taskId: string;
  /** Absent: the task's own squad. */
  squadId?: string | undefined;
  /** Upper bound of what the execution may cost, in nano-USD. */
  budgetNanoUsd?: number | undefined;
  lane?: LlmLane | undefined;
  /** The model of all members in this execution; absent: each member's own. */
  model?: string | undefined;
  /** W3C trace context of the request. */
  traceparent?: string | undefined;
}

/**
 * Accepts an execution: when this resolves `accepted` (and the caller's transaction, if there is one, has committed), the
 * execution is in the queue, has its first event and its budget, and survives any crash.
 */
export async function acceptExecution(
  db: Queryable,
  scope: Scope,
  input: AcceptExecution,
): Promise<{ outcome: "accepted"; execution: ExecutionState; lastSeq: number } | Refusal> {
  const found = await readTaskAndSquad(db, scope, input.taskId, input.squadId);
  if (!found?.task) return notFound("task");
  if (!found.squad) {
    return input.squadId === undefined
      ? { outcome: "squad_invalid", detail: "The task has no squad. Send squadId, or set the task's squad first." }
      : notFound("squad");
  }
  const refusal = unfit(found.squad);
  if (refusal) return refusal;
  const { snapshot, text, id: snapshotId } = snapshotOf(found.squad, input.model);
  const id = uuidv7();
  const { rows } = await db.query<{ created_at: Date }>("execution_accept", acceptSql, [
    id,
    scope.userId,
    input.taskId,
    snapshot.id,
    snapshotId,
    text,
    JSON.stringify(found.task satisfies TaskSnapshot),
    input.lane ?? "background",
    input.traceparent ?? null,
    input.budgetNanoUsd === undefined ? null : uuidv7(),
    input.budgetNanoUsd ?? null,
  ]);
  const createdAt = rows[0]?.created_at;
  if (!createdAt) return notFound("task");
  return {
    outcome: "accepted",
    lastSeq: 1,
    execution: { id, taskId: input.taskId, squadId: snapshot.id, status: "queued", createdAt: createdAt.toISOString() },
  };
}

interface SquadRow {
  id: string;
  slug: string;
  name: string;
  status: string;
  process: SquadSnapshot["process"];
  goal: string;
  fallbackModels: string[];
  requireApproval: boolean;
  limits: Partial<ExecutionLimits>;
  members: MemberSnapshot[];
}

async function readTaskAndSquad(
  db: Queryable,
  scope: Scope,
  taskId: string,
  squadId: string | undefined,
): Promise<{ task: TaskSnapshot; squad: SquadRow | null } | null> {
  const { rows } = await db.query<{ task: TaskSnapshot; squad: SquadRow | null }>("execution_accept_read", readSql, [
    scope.userId,
    taskId,
    squadId ?? null,
  ]);
  return rows[0] ?? null;
}

function unfit(squad: SquadRow): Refusal | null {
  if (squad.status !== "active") {
    return {
      outcome: "squad_invalid",
      detail: `The squad is ${squad.status}. Set its status to active to give it work.`,
    };
  }
  if (squad.members.length === 0)
    return { outcome: "squad_invalid", detail: "The squad has no members. Add at least one." };
  if (squad.process !== "sequential" && !squad.members.some((member) => member.isLead)) {
    return { outcome: "squad_invalid", detail: `The process ${squad.process} needs a lead. Make one member the lead.` };
  }
  return null;
}

/** The squad as the execution will see it, its canonical text and that text's SHA-256. */
function snapshotOf(squad: SquadRow, model: string | undefined): { snapshot: SquadSnapshot; text: string; id: Buffer } {
  const snapshot: SquadSnapshot = {
    id: squad.id,
    slug: squad.slug,
    name: squad.name,
    process: squad.process,
    goal: squad.goal,
    fallbackModels: squad.fallbackModels,
    limits: { ...defaultExecutionLimits, ...squad.limits },
    requireApproval: squad.requireApproval,
    members: model === undefined ? squad.members : squad.members.map((member) => ({ ...member, model })),
  };
  const text = JSON.stringify(snapshot);
  return { snapshot, text, id: createHash("sha256").update(text).digest() };
}

const readSql = `
  SELECT jsonb_build_object('id', t.id, 'title', t.title, 'description', t.description, 'attachments', COALESCE(
      (SELECT jsonb_agg(jsonb_build_object('name', a.name, 'bytes', a.bytes) ORDER BY a.name) FROM task_attachments a WHERE a.task_id = t.id), '[]'::jsonb)) AS task,
    CASE WHEN s.id IS NULL THEN NULL ELSE jsonb_build_object('id', s.id, 'slug', s.slug, 'name', s.name, 'status', s.status, 'process', s.process,
      'goal', s.goal, 'fallbackModels', to_jsonb(s.fallback_models), 'requireApproval', s.require_approval, 'limits', s.limits,
      'members', COALESCE((SELECT jsonb_agg(jsonb_build_object('id', m.id, 'name', m.name, 'role', m.role, 'model', m.model,
        'instructions', m.instructions, 'tools', to_jsonb(m.tools), 'isLead', m.is_lead, 'position', m.position) ORDER BY m.position, m.id)
        FROM squad_members m WHERE m.squad_id = s.id), '[]'::jsonb)) END AS squad
  FROM tasks t LEFT JOIN squads s ON s.id = COALESCE($3, t.squad_id) AND s.user_id = $1
  WHERE t.id = $2 AND t.user_id = $1`;

// One statement, so one transaction: the row in the queue, its first event, its budget, the task's status.
const acceptSql = `
  WITH task AS (
    UPDATE tasks SET status = 'in_progress', squad_id = COALESCE(squad_id, $4), updated_at = now()
    WHERE id = $3 AND user_id = $2 RETURNING id
  ), snapshot AS (
    INSERT INTO squad_snapshots (id, snapshot) VALUES ($5, $6::jsonb) ON CONFLICT (id) DO NOTHING
  ), budget AS (
    INSERT INTO budgets (id, user_id, level, scope_id, period, limit_nano_usd)
    SELECT $10, $2, 'execution', $1, 'total', $11::bigint FROM task WHERE $10::uuid IS NOT NULL
  ), execution AS (
    INSERT INTO task_executions (id, user_id, task_id, squad_id, squad_snapshot_id, task, lane, traceparent, last_seq)
    SELECT $1, $2, task.id, $4, $5, $7::jsonb, $8, $9, 1 FROM task RETURNING created_at
  ), event AS (
    INSERT INTO execution_event_batches (execution_id, last_seq, at, events, ids, body)
    SELECT $1, 1, clock_timestamp(), 1, '{}', '[["execution-start",{"epoch":0}]]' FROM execution
  )
  SELECT created_at FROM execution`;
