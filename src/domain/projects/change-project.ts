import type { CreateProjectBody, Project, UpdateProjectBody } from "#contracts";
import { type Queryable, uuidv7 } from "#db";
import { notFound, type Refusal, type Scope, type Store } from "../store.ts";
import { type ProjectRow, projectColumns, toProject } from "./projects.queries.ts";

/** Makes a project. */
export async function createProject(db: Queryable, scope: Scope, body: CreateProjectBody): Promise<Project> {
  const { rows } = await db.query<ProjectRow>(
    "project_create",
    `INSERT INTO projects (id, user_id, name, description) VALUES ($1, $2, $3, $4) RETURNING ${projectColumns}`,
    [uuidv7(), scope.userId, body.name.trim(), body.description ?? ""],
  );
  return toProject(rows[0] as ProjectRow);
}

/** Changes a project. */
export async function updateProject(
  db: Queryable,
  scope: Scope,
  projectId: string,
  body: UpdateProjectBody,
): Promise<{ outcome: "ok"; project: Project } | Refusal> {
  const { rows } = await db.query<ProjectRow>(
    "project_update",
    `UPDATE projects SET name = COALESCE($3, name), description = COALESCE($4, description), updated_at = now()
     WHERE id = $2 AND user_id = $1 RETURNING ${projectColumns}`,
    [scope.userId, projectId, body.name?.trim() ?? null, body.description ?? null],
  );
  return rows[0] ? { outcome: "ok", project: toProject(rows[0]) } : notFound("project");
}

/** Deletes a project with its tasks and their executions; the bill stays. Live executions must end first. */
export async function deleteProject(db: Store, scope: Scope, projectId: string): Promise<{ outcome: "ok" } | Refusal> {
  return db.transaction(async (transaction) => {
    const { rows } = await transaction.query<{ live: boolean }>(
      "project_delete_check",
      `SELECT EXISTS (SELECT 1 FROM tasks t JOIN task_executions e ON e.task_id = t.id WHERE t.project_id = p.id
         AND e.status IN ('queued', 'running', 'paused', 'awaiting_approval')) AS live
       FROM projects p WHERE p.id = $2 AND p.user_id = $1 FOR UPDATE`,
      [scope.userId, projectId],
    );
    const row = rows[0];
    if (!row) return notFound("project");
    if (row.live) {
      return { outcome: "invalid_state", detail: "Executions in this project are not over: cancel them or wait." };
    }
    await transaction.query("project_delete", "DELETE FROM projects WHERE id = $1", [projectId]);
    return { outcome: "ok" };
  });
}
