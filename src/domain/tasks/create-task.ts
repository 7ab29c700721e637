import { type AddAttachmentsBody, type Attachment, type CreateTaskBody, sizeLimits, type Task } from "#contracts";
import { type Queryable, type Transaction, uuidv7 } from "#db";
import { notFound, type Refusal, type Scope, type Store } from "../store.ts";
import { type DecodedAttachment, decodeAttachments } from "./decode-attachments.ts";
import { attachmentsJson, readTask, type TaskBaseRow, toBase } from "./tasks.queries.ts";

/** Name of the project that tasks without one go to. */
const firstProjectName = "First project";

/** Makes a task with its attachments, all or nothing. */
export async function createTask(
  db: Store,
  scope: Scope,
  body: CreateTaskBody,
): Promise<{ outcome: "ok"; task: Task } | Refusal> {
  const decoded = decodeAttachments(body.attachments ?? []);
  if (decoded.outcome !== "ok") return decoded;
  const created = await insertTask(db, scope, body, decoded.attachments);
  if (created !== "no_project") return created;
  return db.transaction(async (transaction) => {
    const projectId = await firstProject(transaction, scope);
    const again = await insertTask(transaction, scope, { ...body, projectId }, decoded.attachments);
    return again === "no_project" ? notFound("project") : again;
  });
}

/** The whole task in one statement: what it names is looked up, it and its attachments are stored and told. */
async function insertTask(
  db: Queryable,
  scope: Scope,
  body: CreateTaskBody,
  attachments: readonly DecodedAttachment[],
): Promise<{ outcome: "ok"; task: Task } | Refusal | "no_project"> {
  const { rows } = await db.query<CreatedRow>("task_create", createSql, [
    scope.userId,
    body.projectId ?? null,
    body.squadId ?? null,
    uuidv7(),
    body.title.trim(),
    body.description ?? "",
    body.priority ?? "medium",
    ...attachmentColumns(attachments),
  ]);
  const row = rows[0];
  if (!row?.project) return notFound("project");
  if (!row.squad) return notFound("squad");
  if (row.id === null) return "no_project";
  return {
    outcome: "ok",
    task: { ...toBase({ ...row, id: row.id, last_execution: null }), attachments: row.attachments },
  };
}

interface CreatedRow extends Omit<TaskBaseRow, "id" | "last_execution"> {
  /** Whether the project and the squad are the caller's, or none is named. */
  project: boolean;
  squad: boolean;
  /** Null when nothing was stored. */
  id: string | null;
  attachments: Attachment[];
}

const createSql = `
  WITH target AS (
    SELECT ($2::uuid IS NULL OR EXISTS (SELECT 1 FROM projects WHERE id = $2 AND user_id = $1)) AS project,
      ($3::uuid IS NULL OR EXISTS (SELECT 1 FROM squads WHERE id = $3 AND user_id = $1)) AS squad,
      COALESCE($2::uuid, (SELECT id FROM projects WHERE user_id = $1 ORDER BY id LIMIT 1)) AS project_id
  ), task AS (
    INSERT INTO tasks (id, user_id, project_id, squad_id, title, description, priority, position)
    SELECT $4, $1, project_id, $3, $5, $6, $7, extract(epoch FROM now()) FROM target
    WHERE project AND squad AND project_id IS NOT NULL
    RETURNING id, project_id, squad_id, title, description, status, priority, position, created_at, updated_at
  ), a AS (
    INSERT INTO task_attachments (id, task_id, name, media_type, bytes, content)
    SELECT file.id, task.id, file.name, file.media_type, octet_length(file.content), file.content
    FROM task, unnest($8::uuid[], $9::text[], $10::text[], $11::bytea[]) AS file(id, name, media_type, content)
    RETURNING id, name, media_type, bytes, created_at
  )
  SELECT target.project, target.squad, task.id, task.project_id, task.squad_id, task.title, task.description, task.status,
    task.priority, task.position, task.created_at, task.updated_at, (SELECT ${attachmentsJson} FROM a) AS attachments
  FROM target LEFT JOIN task ON true`;

/** Ids, names, media types and contents, as `unnest` takes them. */
function attachmentColumns(attachments: readonly DecodedAttachment[]): unknown[][] {
  return [
    attachments.map(() => uuidv7()),
    attachments.map((one) => one.name),
    attachments.map((one) => one.mediaType),
    attachments.map((one) => one.content),
  ];
}

/** Adds attachments to a task. Executions that run keep what they began with. */
export async function addAttachments(
  db: Store,
  scope: Scope,
  taskId: string,
  body: AddAttachmentsBody,
): Promise<{ outcome: "ok"; task: Task } | Refusal> {
  const decoded = decodeAttachments(body.attachments);
  if (decoded.outcome !== "ok") return decoded;
  return db.transaction(async (transaction) => {
    const { rows } = await transaction.query(
      "task_lock",
      "SELECT id FROM tasks WHERE id = $2 AND user_id = $1 FOR UPDATE",
      [scope.userId, taskId],
    );
    if (rows.length === 0) return notFound("task");
    const present = (await readTask(transaction, scope, taskId))?.attachments ?? [];
    if (present.length + decoded.attachments.length > sizeLimits.attachmentsPerTask) {
      return {
        outcome: "payload_too_large",
        detail: `A task has at most ${sizeLimits.attachmentsPerTask} attachments: remove some first.`,
      };
    }
    const twice = decoded.attachments.find((one) => present.some((other) => other.name === one.name));
    if (twice) {
      return {
        outcome: "already_exists",
        detail: `The task has an attachment "${twice.name}": remove it or rename this.`,
      };
    }
    await insertAttachments(transaction, taskId, decoded.attachments);
    const task = await readTask(transaction, scope, taskId);
    return task ? { outcome: "ok", task } : notFound("task");
  });
}

async function insertAttachments(db: Queryable, taskId: string, attachments: DecodedAttachment[]): Promise<void> {
  if (attachments.length === 0) return;
  await db.query(
    "task_attachments_create",
    `INSERT INTO task_attachments (id, task_id, name, media_type, bytes, content)
     SELECT id, $1, name, media_type, octet_length(content), content
     FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bytea[]) AS a(id, name, media_type, content)`,
    [taskId, ...attachmentColumns(attachments)],
  );
}

/** The user's oldest project, made when there is none. The user's row keeps two first tasks from making two. */
async function firstProject(transaction: Transaction, scope: Scope): Promise<string> {
  const oldest = "SELECT id FROM projects WHERE user_id = $1 ORDER BY id LIMIT 1";
  const { rows } = await transaction.query<{ id: string }>("project_first", oldest, [scope.userId]);
  if (rows[0]) return rows[0].id;
  await transaction.query("user_lock", "SELECT id FROM users WHERE id = $1 FOR UPDATE", [scope.userId]);
  const { rows: again } = await transaction.query<{ id: string }>("project_first", oldest, [scope.userId]);
  if (again[0]) return again[0].id;
  const projectId = uuidv7();
  await transaction.query("project_create_first", "INSERT INTO projects (id, user_id, name) VALUES ($1, $2, $3)", [
    projectId,
    scope.userId,
    firstProjectName,
  ]);
  return projectId;
}
