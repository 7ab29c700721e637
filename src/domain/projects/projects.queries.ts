import type { Project, ProjectListItem, ProjectListQuery, ProjectPage, TaskStatus } from "#contracts";
import { likeAnywhere, offsetOf, offsetPage, type Queryable } from "#db";
import type { Scope } from "../store.ts";

export interface ProjectRow {
  id: string;
  name: string;
  description: string;
  created_at: Date;
  updated_at: Date;
}

/** The columns of `ProjectRow`. */
export const projectColumns = "id, name, description, created_at, updated_at";

/** A project as the API shows it. */
export function toProject(row: ProjectRow): Project {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

const noTasks: Record<TaskStatus, number> = { pending: 0, in_progress: 0, completed: 0, failed: 0, cancelled: 0 };

function toListItem(row: ProjectRow & { tasks: Partial<Record<TaskStatus, number>> | null }): ProjectListItem {
  return { ...toProject(row), tasks: { ...noTasks, ...row.tasks } };
}

/** A page of the user's projects, newest first, with how many tasks are in each state. */
export async function listProjects(db: Queryable, scope: Scope, query: ProjectListQuery): Promise<ProjectPage> {
  const page = query.page ?? 1;
  const pageSize = query.pageSize ?? 20;
  const found = query.search === undefined ? [] : [likeAnywhere(query.search)];
  const [suffix, condition] =
    found.length === 0 ? ["", (_: number) => ""] : ["_search", (place: number) => ` AND name ILIKE $${place}`];
  const { rows } = await db.query<ProjectRow & { tasks: Partial<Record<TaskStatus, number>> | null; total: number }>(
    `projects_list${suffix}`,
    `SELECT p.id, p.name, left(p.description, 200) AS description, p.created_at, p.updated_at,
       (SELECT count(*)::integer FROM projects WHERE user_id = $1${condition(4)}) AS total,
       (SELECT json_object_agg(c.status, c.count) FROM (
          SELECT t.status, count(*)::integer AS count FROM tasks t WHERE t.project_id = p.id GROUP BY t.status) c) AS tasks
     FROM projects p
     WHERE p.id = ANY (ARRAY(SELECT id FROM projects WHERE user_id = $1${condition(4)} ORDER BY id DESC LIMIT $2 OFFSET $3))
     ORDER BY p.id DESC`,
    [scope.userId, pageSize, offsetOf(page, pageSize), ...found],
  );
  return offsetPage(rows, { page, pageSize }, toListItem, async () => {
    const { rows: counted } = await db.query<{ total: number }>(
      `projects_count${suffix}`,
      `SELECT count(*)::integer AS total FROM projects WHERE user_id = $1${condition(2)}`,
      [scope.userId, ...found],
    );
    return counted[0]?.total ?? 0;
  });
}

/** One project; null when it is missing or another's. */
export async function readProject(db: Queryable, scope: Scope, projectId: string): Promise<Project | null> {
  const { rows } = await db.query<ProjectRow>(
    "project_read",
    `SELECT ${projectColumns} FROM projects WHERE id = $2 AND user_id = $1`,
    [scope.userId, projectId],
  );
  return rows[0] ? toProject(rows[0]) : null;
}
