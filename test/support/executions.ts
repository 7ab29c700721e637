import { createHash, randomUUID } from "node:crypto";
import { defaultExecutionLimits, type SquadSnapshot } from "#contracts";
import { type Database, uuidv7 } from "#db";

/** Ids of a user with a squad, a project and a task. */
export interface TestTask {
  userId: string;
  squadId: string;
  projectId: string;
  taskId: string;
  memberIds: string[];
}

/** A user with a squad of a lead and two workers on the offline model, a project and a task. */
export async function insertTask(
  db: Database,
  options: { model?: string; members?: number; process?: string } = {},
): Promise<TestTask> {
  const ids = { userId: uuidv7(), squadId: uuidv7(), projectId: uuidv7(), taskId: uuidv7() };
  const memberIds = Array.from({ length: options.members ?? 3 }, () => uuidv7());
  await db.query("t_user", "INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, 'Test', 'x')", [
    ids.userId,
    `${randomUUID()}@example.org`,
  ]);
  await db.query(
    "t_squad",
    "INSERT INTO squads (id, user_id, slug, name, process) VALUES ($1, $2, 'squad', 'Squad', $3)",
    [ids.squadId, ids.userId, options.process ?? "lead"],
  );
  for (const [position, id] of memberIds.entries()) {
    await db.query(
      "t_member",
      `INSERT INTO squad_members (id, squad_id, name, role, model, instructions, is_lead, position) VALUES ($1, $2, $3, $4, $5, 'Work.', $6, $7)`,
      [
        id,
        ids.squadId,
        `Member ${position}`,
        position === 0 ? "project-manager" : "researcher",
        options.model ?? "muster/offline",
        position === 0,
        position,
      ],
    );
  }
  await db.query("t_project", "INSERT INTO projects (id, user_id, name) VALUES ($1, $2, 'Project')", [
    ids.projectId,
    ids.userId,
  ]);
  await db.query(
    "t_task",
    "INSERT INTO tasks (id, user_id, project_id, squad_id, title) VALUES ($1, $2, $3, $4, 'A task')",
    [ids.taskId, ids.userId, ids.projectId, ids.squadId],
  );
  return { ...ids, memberIds };
}

/** A queued execution inserted as the domain does it, without going through the domain. */
export async function insertExecution(db: Database, task: TestTask, budgetNanoUsd?: number): Promise<string> {
  const id = uuidv7();
  const snapshot: SquadSnapshot = {
    id: task.squadId,
    slug: "squad",
    name: "Squad",
    process: "lead",
    goal: "",
    fallbackModels: [],
    limits: defaultExecutionLimits,
    requireApproval: false,
    members: [],
  };
  const text = JSON.stringify(snapshot);
  const hash = createHash("sha256").update(text).digest();
  await db.query("t_snapshot", "INSERT INTO squad_snapshots (id, snapshot) VALUES ($1, $2) ON CONFLICT DO NOTHING", [
    hash,
    text,
  ]);
  await db.query(
    "t_execution",
    `INSERT INTO task_executions (id, user_id, task_id, squad_id, squad_snapshot_id, task) VALUES ($1, $2, $3, $4, $5, '{}')`,
    [id, task.userId, task.taskId, task.squadId, hash],
  );
  if (budgetNanoUsd !== undefined) await insertBudget(db, task.userId, "execution", id, budgetNanoUsd);
  return id;
}

export async function insertBudget(
  db: Database,
  userId: string,
  level: "instance" | "squad" | "execution",
  scopeId: string,
  limitNanoUsd: number,
): Promise<string> {
  const id = uuidv7();
  await db.query(
    "t_budget",
    "INSERT INTO budgets (id, user_id, level, scope_id, period, limit_nano_usd) VALUES ($1, $2, $3, $4, $5, $6)",
    [id, userId, level, scopeId, level === "execution" ? "total" : "month", limitNanoUsd],
  );
  return id;
}

/** Ended calls of one step, each with its bill; `costNanoUsd` null: the model's price is unknown. */
export async function insertBilledCalls(
  db: Pick<Database, "query">,
  step: { executionId: string; stepId: string },
  count: number,
  costNanoUsd: number | null,
): Promise<void> {
  await db.query(
    "t_billed_calls",
    `WITH call AS (
       INSERT INTO llm_calls (id, execution_id, step_id, key, epoch, state, message_id, provider, model, ended_at)
       SELECT gen_random_uuid(), $1, $2, 'billed-' || gen_random_uuid(), 1, 'done', gen_random_uuid(), 'openai', 'gpt-4o-mini', now()
       FROM generate_series(1, $3) RETURNING id)
     INSERT INTO llm_usage (id, user_id, execution_id, llm_call_id, provider, model, lane, outcome, cache_result, input_tokens, output_tokens, cost_nano_usd)
     SELECT gen_random_uuid(), t.user_id, t.id, call.id, 'openai', 'gpt-4o-mini', 'background', 'done', 'miss', 1, 1, $4
     FROM call JOIN task_executions t ON t.id = $1`,
    [step.executionId, step.stepId, count, costNanoUsd],
  );
}
