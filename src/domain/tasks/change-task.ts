import type { Task, UpdateTaskBody } from "#contracts";
import type { Queryable } from "#db";
import { notFound, type Refusal, type Scope, type Store } from "../store.ts";
import { readTask } from "./tasks.queries.ts";

/** Changes a task; `squadId` null takes it from its squad. Executions that run keep what they began with. */
export async function updateTask(
  db: Queryable,
  scope: Scope,
  taskId: string,
  body: UpdateTaskBody,
): Promise<{ outcome: "ok"; task: Task } | Refusal> {
  const { rows } = await db.query<{ task: boolean; project: boolean; squad: boolean }>(
    "task_update_targets",
    `SELECT EXISTS (SELECT 1 FROM tasks WHERE id = $2 AND user_id = $1) AS task,
       ($3::uuid IS NULL OR EXISTS (SELECT 1 FROM projects WHERE id = $3 AND user_id = $1)) AS project,
       ($4::uuid IS NULL OR EXISTS (SELECT 1 FROM squads WHERE id = $4 AND user_id = $1)) AS squad`,
    [scope.userId, taskId, body.projectId ?? null, body.squadId ?? null],
  );
  const targets = rows[0];
  if (!targets?.task) return notFound("task");
  if (!targets.project) return notFound("project");
  if (!targets.squad) return notFound("squad");
  await db.query(
    "task_update",
    `UPDATE tasks SET project_id = COALESCE($3, project_id), squad_id = CASE WHEN $4 THEN $5 ELSE squad_id END,
       title = COALESCE($6, title), description = COALESCE($7, description), status = COALESCE($8, status),
       priority = COALESCE($9, priority), position = COALESCE($10, position), updated_at = now()
     WHERE id = $2 AND user_id = $1`,
    [
      scope.userId,
      taskId,
      body.projectId ?? null,
      body.squadId !== undefined,
      body.squadId ?? null,
      body.title?.trim() ?? null,
      body.description ?? null,
      body.status ?? null,
      body.priority ?? null,
      body.position ?? null,
    ],
  );
  const task = await readTask(db, scope, taskId);
  return task ? { outcome: "ok", task } : notFound("task");
}

/** Deletes a task with its executions; the bill stays. Live executions must end first. */
export async function deleteTask(db: Store, scope: Scope, taskId: string): Promise<{ outcome: "ok" } | Refusal> {
  return db.transaction(async (transaction) => {
    const { rows } = await transaction.query<{ live: boolean }>(
      "task_delete_check",
      `SELECT EXISTS (SELECT 1 FROM task_executions e WHERE e.task_id = t.id
         AND e.status IN ('queued', 'running', 'paused', 'awaiting_approval')) AS live
       FROM tasks t WHERE t.id = $2 AND t.user_id = $1 FOR UPDATE`,
      [scope.userId, taskId],
    );
    const row = rows[0];
    if (!row) return notFound("task");
    if (row.live) {
      return { outcome: "invalid_state", detail: "An execution of this task is not over: cancel it or wait." };
    }
    await transaction.query("task_delete", "DELETE FROM tasks WHERE id = $1", [taskId]);
    return { outcome: "ok" };
  });
}

/** Removes an attachment. Executions that run keep what they began with. */
export async function removeAttachment(
  db: Queryable,
  scope: Scope,
  taskId: string,
  attachmentId: string,
): Promise<{ outcome: "ok" } | Refusal> {
  const { rowCount } = await db.query(
    "task_attachment_remove",
    `DELETE FROM task_attachments a USING tasks t
     WHERE a.id = $3 AND a.task_id = $2 AND t.id = a.task_id AND t.user_id = $1`,
    [scope.userId, taskId, attachmentId],
  );
  return rowCount === 1 ? { outcome: "ok" } : notFound("attachment of this task");
}
