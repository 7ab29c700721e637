import { type Static, Type } from "typebox";
import { executionStatuses, taskPriorities, taskStatuses } from "../closed-sets.ts";
import { sizeLimits } from "../limits.ts";
import { Id, nullable, object, pageOf, pageQuery, Timestamp } from "./common.ts";

const Title = Type.String({ minLength: 1, maxLength: 300, pattern: "\\S", description: "Text that is not blank" });
const Description = Type.String({ maxLength: 200_000 });

export const Attachment = object({
  id: Id,
  name: Type.String(),
  mediaType: Type.String(),
  bytes: Type.Integer(),
  createdAt: Timestamp,
});
export type Attachment = Static<typeof Attachment>;

const LastExecution = nullable(object({ id: Id, status: Type.Enum(executionStatuses) }));

const taskBase = {
  id: Id,
  projectId: Id,
  squadId: nullable(Id),
  title: Type.String(),
  status: Type.Enum(taskStatuses),
  priority: Type.Enum(taskPriorities),
  position: Type.Number({ description: "Place within its column of the board; lower comes first" }),
  lastExecution: LastExecution,
  createdAt: Timestamp,
  updatedAt: Timestamp,
};

export const Task = object({ ...taskBase, description: Type.String(), attachments: Type.Array(Attachment) });
export type Task = Static<typeof Task>;

/** A task as lists show it. */
export const TaskListItem = object({
  ...taskBase,
  description: Type.String({ description: "The first 200 characters" }),
  attachmentCount: Type.Integer(),
});
export type TaskListItem = Static<typeof TaskListItem>;

export const TaskPage = pageOf(TaskListItem);
export type TaskPage = Static<typeof TaskPage>;
export const TaskListQuery = object({
  ...pageQuery,
  projectId: Type.Optional(Id),
  squadId: Type.Optional(Id),
  status: Type.Optional(Type.Enum(taskStatuses)),
  priority: Type.Optional(Type.Enum(taskPriorities)),
});
export type TaskListQuery = Static<typeof TaskListQuery>;
export const TaskParams = object({ taskId: Id });
export const TaskAnswer = object({ task: Task });
export type TaskAnswer = Static<typeof TaskAnswer>;

/** A file for the squad's workspace: at most 5 MB once decoded. */
export const NewAttachment = object({
  name: Type.String({ minLength: 1, maxLength: 200, description: "A file name without folders" }),
  mediaType: Type.Optional(
    Type.String({ minLength: 1, maxLength: 120, pattern: "^[\\w.+-]+/[\\w.+-]+$", description: "type/subtype" }),
  ),
  contentBase64: Type.String({
    maxLength: Math.ceil(sizeLimits.attachmentBytes / 3) * 4,
    description: "The file's bytes in base64 (RFC 4648, section 4)",
  }),
});
export type NewAttachment = Static<typeof NewAttachment>;

/** Without `projectId` the task goes to the user's oldest project, made on first use. */
export const CreateTaskBody = object({
  projectId: Type.Optional(Id),
  squadId: Type.Optional(nullable(Id)),
  title: Title,
  description: Type.Optional(Description),
  priority: Type.Optional(Type.Enum(taskPriorities)),
  attachments: Type.Optional(Type.Array(NewAttachment, { maxItems: sizeLimits.attachmentsPerTask })),
});
export type CreateTaskBody = Static<typeof CreateTaskBody>;

export const UpdateTaskBody = object({
  projectId: Type.Optional(Id),
  squadId: Type.Optional(nullable(Id)),
  title: Type.Optional(Title),
  description: Type.Optional(Description),
  status: Type.Optional(Type.Enum(taskStatuses)),
  priority: Type.Optional(Type.Enum(taskPriorities)),
  position: Type.Optional(Type.Number()),
});
export type UpdateTaskBody = Static<typeof UpdateTaskBody>;

export const AttachmentParams = object({ taskId: Id, attachmentId: Id });
export const AddAttachmentsBody = object({
  attachments: Type.Array(NewAttachment, { minItems: 1, maxItems: sizeLimits.attachmentsPerTask }),
});
export type AddAttachmentsBody = Static<typeof AddAttachmentsBody>;
