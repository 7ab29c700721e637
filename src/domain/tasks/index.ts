export { deleteTask, removeAttachment, updateTask } from "./change-task.ts";
export { addAttachments, createTask } from "./create-task.ts";
export { mediaTypeOf } from "./decode-attachments.ts";
export { listTasks, readAttachment, readTask } from "./tasks.queries.ts";
