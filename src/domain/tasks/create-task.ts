import { type AddAttachmentsBody, type CreateTaskBody, sizeLimits, type Task } from "#contracts";
import { type Queryable, type Transaction, uuidv7 } from "#db";
import { notFound, type Refusal, type Scope, type Store } from "../store.ts";
import { type DecodedAttachment, decodeAttachments } from "./decode-attachments.ts";
import { readTask } from "./tasks.queries.ts";

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
  return db.transaction(async (transaction) => {
    const taskId = uuidv7();
    const { rows } = await transaction.query<{ project: boolean; squad: boolean }>(
      "task_targets",
      `SELECT ($2::uuid IS NULL OR EXISTS (SELECT 1 FROM projects WHERE id = $2 AND user_id = $1)) AS project,
         ($3::uuid IS NULL OR EXISTS (SELECT 1 FROM squads WHERE id = $3 AND user_id = $1)) AS squad`,
      [scope.userId, body.projectId ?? null, body.squadId ?? null],
    );
    if (!rows[0]?.project) return notFound("project");
    if (!rows[0].squad) return notFound("squad");
    const projectId = body.projectId ?? (await firstProject(transaction, scope));
    await transaction.query(
      "task_create",
      `INSERT INTO tasks (id, user_id, project_id, squad_id, title, description, priority, position)
       VALUES ($1, $2, $3, $4, $5, $6, $7, extract(epoch FROM now()))`,
      [
        taskId,
        scope.userId,
        projectId,
        body.squadId ?? null,
        body.title.trim(),
        body.description ?? "",
        body.priority ?? "medium",
      ],
    );
    await insertAttachments(transaction, taskId, decoded.attachments);
    const task = await readTask(transaction, scope, taskId);
    return task ? { outcome: "ok", task } : notFound("task");
  });
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
    [
      taskId,
      attachments.map(() => uuidv7()),
      attachments.map((one) => one.name),
      attachments.map((one) => one.mediaType),
      attachments.map((one) => one.content),
    ],
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
