import type {
  Attachment,
  ExecutionStatus,
  Task,
  TaskListItem,
  TaskListQuery,
  TaskPage,
  TaskPriority,
  TaskStatus,
} from "#contracts";
import { offsetOf, offsetPage, type Queryable } from "#db";
import type { Scope } from "../store.ts";

/** The columns of a task, and its last execution. */
export interface TaskBaseRow {
  id: string;
  project_id: string;
  squad_id: string | null;
  title: string;
  description: string;
  status: TaskStatus;
  priority: TaskPriority;
  position: number;
  last_execution: { id: string; status: ExecutionStatus } | null;
  created_at: Date;
  updated_at: Date;
}

const lastExecutionJson = `(SELECT json_build_object('id', e.id, 'status', e.status) FROM task_executions e
  WHERE e.task_id = t.id ORDER BY e.id DESC LIMIT 1)`;

/** A task as the API shows it, without its attachments. */
export function toBase(row: TaskBaseRow): Omit<TaskListItem, "attachmentCount"> {
  return {
    id: row.id,
    projectId: row.project_id,
    squadId: row.squad_id,
    title: row.title,
    description: row.description,
    status: row.status,
    priority: row.priority,
    position: row.position,
    lastExecution: row.last_execution,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

const filterColumns = { projectId: "project_id", squadId: "squad_id", status: "status", priority: "priority" } as const;

/** A page of the user's tasks, newest first, filtered, with the last execution of each, in one statement. */
export async function listTasks(db: Queryable, scope: Scope, query: TaskListQuery): Promise<TaskPage> {
  const page = query.page ?? 1;
  const pageSize = query.pageSize ?? 20;
  const used = (Object.keys(filterColumns) as (keyof typeof filterColumns)[]).filter((key) => query[key] !== undefined);
  const name = ["tasks_list", ...used.map((key) => filterColumns[key])].join("_");
  const where = (first: number): string =>
    ["t.user_id = $1", ...used.map((key, index) => `t.${filterColumns[key]} = $${first + index}`)].join(" AND ");
  const filters = used.map((key) => query[key]);
  const { rows } = await db.query<TaskBaseRow & { attachment_count: number; total: number }>(
    name,
    `SELECT t.id, t.project_id, t.squad_id, t.title, left(t.description, 200) AS description, t.status, t.priority,
       t.position, t.created_at, t.updated_at, ${lastExecutionJson} AS last_execution,
       (SELECT count(*)::integer FROM task_attachments a WHERE a.task_id = t.id) AS attachment_count,
       (SELECT count(*)::integer FROM tasks t WHERE ${where(4)}) AS total
     FROM tasks t
     WHERE t.id = ANY (ARRAY(SELECT t.id FROM tasks t WHERE ${where(4)} ORDER BY t.id DESC LIMIT $2 OFFSET $3))
     ORDER BY t.id DESC`,
    [scope.userId, pageSize, offsetOf(page, pageSize), ...filters],
  );
  return offsetPage(
    rows,
    { page, pageSize },
    (row) => ({ ...toBase(row), attachmentCount: row.attachment_count }),
    async () => {
      const { rows: counted } = await db.query<{ total: number }>(
        `${name}_total`,
        `SELECT count(*)::integer AS total FROM tasks t WHERE ${where(2)}`,
        [scope.userId, ...filters],
      );
      return counted[0]?.total ?? 0;
    },
  );
}

/** The facts of attachments as the API shows them, from rows called `a`. */
export const attachmentsJson = `COALESCE(json_agg(json_build_object('id', a.id, 'name', a.name, 'mediaType', a.media_type,
          'bytes', a.bytes, 'createdAt', to_char(a.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
          ORDER BY a.id), '[]'::json)`;

/** One task with its attachments' facts; null when it is missing or another's. */
export async function readTask(db: Queryable, scope: Scope, taskId: string): Promise<Task | null> {
  const { rows } = await db.query<TaskBaseRow & { attachments: Attachment[] }>(
    "task_read",
    `SELECT t.id, t.project_id, t.squad_id, t.title, t.description, t.status, t.priority, t.position, t.created_at,
       t.updated_at, ${lastExecutionJson} AS last_execution,
       (SELECT ${attachmentsJson} FROM task_attachments a WHERE a.task_id = t.id) AS attachments
     FROM tasks t WHERE t.id = $2 AND t.user_id = $1`,
    [scope.userId, taskId],
  );
  const row = rows[0];
  return row ? { ...toBase(row), attachments: row.attachments } : null;
}

/** An attachment's bytes; null when the task or the attachment is missing or another's. */
export async function readAttachment(
  db: Queryable,
  scope: Scope,
  taskId: string,
  attachmentId: string,
): Promise<{ name: string; mediaType: string; content: Buffer } | null> {
  const { rows } = await db.query<{ name: string; media_type: string; content: Buffer }>(
    "task_attachment_read",
    `SELECT a.name, a.media_type, a.content FROM task_attachments a JOIN tasks t ON t.id = a.task_id
     WHERE a.id = $3 AND a.task_id = $2 AND t.user_id = $1`,
    [scope.userId, taskId, attachmentId],
  );
  const row = rows[0];
  return row ? { name: row.name, mediaType: row.media_type, content: row.content } : null;
}
