import {
  AddAttachmentsBody,
  AttachmentParams,
  CreateTaskBody,
  sizeLimits,
  TaskAnswer,
  TaskListQuery,
  TaskPage,
  TaskParams,
  UpdateTaskBody,
} from "#contracts";
import {
  addAttachments,
  createTask,
  deleteTask,
  listTasks,
  readAttachment,
  readTask,
  removeAttachment,
  updateTask,
} from "#domain";
import { expectFound, expectOk } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";
import { sendFile } from "../../send-file.ts";

const tag = "tasks";
const changes = ["tasks", "projects"] as const;

/** Tasks and their attachments. */
export function taskRoutes(): AnyRoute[] {
  return [...wholeTaskRoutes(), ...attachmentRoutes()];
}

function wholeTaskRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/tasks",
      operationId: "listTasks",
      tag,
      summary: "A page of tasks, newest first",
      policy: "user",
      query: TaskListQuery,
      answer: TaskPage,
      cache: { seconds: 60, areas: ["tasks"] },
      handle: ({ db, caller, query }) => listTasks(db, caller, query),
    }),
    defineRoute({
      method: "POST",
      path: "/api/v1/tasks",
      operationId: "createTask",
      tag,
      summary: "Makes a task with its attachments",
      policy: "user",
      body: CreateTaskBody,
      bodyLimitBytes: sizeLimits.taskBodyBytes,
      status: 201,
      answer: TaskAnswer,
      changes,
      handle: async ({ db, caller, body }) => {
        const { task } = expectOk(await createTask(db, caller, body));
        return { task };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/tasks/:taskId",
      operationId: "readTask",
      tag,
      summary: "A task with its attachments",
      policy: "user",
      params: TaskParams,
      answer: TaskAnswer,
      cache: { seconds: 300, areas: ["tasks"] },
      handle: async ({ db, caller, params }) => ({
        task: expectFound(await readTask(db, caller, params.taskId), "task"),
      }),
    }),
    defineRoute({
      method: "PATCH",
      path: "/api/v1/tasks/:taskId",
      operationId: "updateTask",
      tag,
      summary: "Changes a task",
      policy: "user",
      params: TaskParams,
      body: UpdateTaskBody,
      answer: TaskAnswer,
      changes,
      handle: async ({ db, caller, params, body }) => {
        const { task } = expectOk(await updateTask(db, caller, params.taskId, body));
        return { task };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/api/v1/tasks/:taskId",
      operationId: "deleteTask",
      tag,
      summary: "Deletes a task with its executions; the bill stays",
      policy: "user",
      params: TaskParams,
      answer: null,
      changes: ["tasks", "projects", "executions", "history", "notifications"],
      handle: async ({ db, caller, params }) => {
        expectOk(await deleteTask(db, caller, params.taskId));
        return undefined;
      },
    }),
  ];
}

function attachmentRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "POST",
      path: "/api/v1/tasks/:taskId/attachments",
      operationId: "addAttachments",
      tag,
      summary: "Adds attachments to a task",
      policy: "user",
      params: TaskParams,
      body: AddAttachmentsBody,
      bodyLimitBytes: sizeLimits.taskBodyBytes,
      status: 201,
      answer: TaskAnswer,
      changes,
      handle: async ({ db, caller, params, body }) => {
        const { task } = expectOk(await addAttachments(db, caller, params.taskId, body));
        return { task };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/tasks/:taskId/attachments/:attachmentId",
      operationId: "downloadAttachment",
      tag,
      summary: "An attachment's bytes",
      policy: "user",
      params: AttachmentParams,
      answer: null,
      stream: "application/octet-stream",
      handle: async ({ db, caller, params, request, reply }) => {
        const found = await readAttachment(db, caller, params.taskId, params.attachmentId);
        const { name, content } = expectFound(found, "attachment of this task");
        sendFile(request, reply, { name, content, download: true });
        return undefined;
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/api/v1/tasks/:taskId/attachments/:attachmentId",
      operationId: "removeAttachment",
      tag,
      summary: "Removes an attachment",
      policy: "user",
      params: AttachmentParams,
      answer: null,
      changes,
      handle: async ({ db, caller, params }) => {
        expectOk(await removeAttachment(db, caller, params.taskId, params.attachmentId));
        return undefined;
      },
    }),
  ];
}
