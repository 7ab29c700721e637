"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useLayoutEffect, useState } from "react";
import { useForm } from "react-hook-form";
import type { Task, TaskAnswer, TaskPriority, TaskStatus, UpdateTaskBody } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import { DialogActions, DialogBody } from "../../components/ui/dialog.tsx";
import { Field, Input, Select, Textarea } from "../../components/ui/field.tsx";
import { FormDialog } from "../../components/ui/form-dialog.tsx";
import { Failure, Loading, Skeleton } from "../../components/ui/states.tsx";
import { statusLabel } from "../../components/ui/status.tsx";
import { apiSend, messageOf } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone } from "../../lib/toast.ts";
import { ExecutionRow } from "../executions/execution-row.tsx";
import { boardColumns } from "./board-order.ts";
import { DeleteTask } from "./delete-task.tsx";
import { priorities } from "./priority.tsx";
import { RunTask } from "./run-task.tsx";
import { TaskAttachments } from "./task-attachments.tsx";
import { useSaveMove } from "./use-move-task.ts";

interface TaskDialogProps {
  taskId: string;
  onClose: () => void;
  /** It was deleted, or its run is gone to: nothing to come back to. */
  onLeft: () => void;
}

/** A task: what is wanted, its files, its runs, and the way to run it. */
export default function TaskDialog({ taskId, onClose, onLeft }: TaskDialogProps) {
  const { data, error, refetch } = useQuery(queries.task(taskId));
  const [dirty, setDirty] = useState(false);
  return (
    <FormDialog dirty={dirty} title={data?.task.title ?? "Task"} onClose={onClose} className="max-w-2xl">
      {error && !data ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : data ? (
        <TaskForm task={data.task} onDirty={setDirty} onClose={onClose} onLeft={onLeft} />
      ) : (
        <Loading label="Loading the task" className="flex flex-col gap-3 p-4">
          <Skeleton className="h-8" />
          <Skeleton className="h-40" />
          <Skeleton className="h-24" />
        </Loading>
      )}
    </FormDialog>
  );
}

interface TaskForm {
  title: string;
  description: string;
  priority: TaskPriority;
  status: TaskStatus;
  squadId: string;
}

const formOf = ({ title, description, priority, status, squadId }: Task): TaskForm => ({
  title,
  description,
  priority,
  status,
  squadId: squadId ?? "",
});

interface TaskFormProps {
  task: Task;
  onDirty: (dirty: boolean) => void;
  onClose: () => void;
  onLeft: () => void;
}

function TaskForm({ task, onDirty, onClose, onLeft }: TaskFormProps) {
  const client = useQueryClient();
  const saveMove = useSaveMove(task.projectId);
  const squads = useQuery(queries.allSquads());
  const executions = useQuery({ ...queries.executions({ taskId: task.id, limit: 5 }), staleTime: 5000 });
  const { register, handleSubmit, setError, formState, watch, setValue, reset } = useForm<TaskForm>({
    defaultValues: formOf(task),
    // A task changes while it is edited: by a run, an attachment, another tab. Only fields that nobody touched follow.
    values: formOf(task),
    resetOptions: { keepDirtyValues: true },
  });
  const { errors, dirtyFields } = formState;
  const dirty = Object.keys(dirtyFields).length > 0;
  const squadId = watch("squadId");
  // Before the paint: who presses Escape at once has typed something all the same.
  useLayoutEffect(() => onDirty(dirty), [dirty, onDirty]);

  const save = handleSubmit(async (values) => {
    const { status, ...rest } = values;
    const body: UpdateTaskBody = { ...rest, squadId: rest.squadId || null };
    const moved = status !== task.status;
    try {
      const answer = moved
        ? await saveMove(task, { status, position: task.position }, body)
        : await apiSend<TaskAnswer>("PATCH", `/api/v1/tasks/${task.id}`, body);
      reset(formOf(answer.task), { keepDirtyValues: false });
      client.setQueryData(queries.task(task.id).queryKey, answer);
      void client.invalidateQueries({ queryKey: ["/tasks"] });
      void invalidate(client, "/projects", "/dashboard");
      // The way back stands on the board: behind an open dialog nobody could press it.
      if (moved) onClose();
      else toastDone("Task saved");
    } catch (error) {
      setError("root", { message: messageOf(error) });
    }
  });

  return (
    <form onSubmit={save} noValidate className="flex min-h-0 flex-col">
      <DialogBody className="flex flex-col gap-4">
        <Field label="Title" htmlFor="edit-title" error={errors.title?.message}>
          <Input
            id="edit-title"
            maxLength={300}
            {...register("title", { validate: (value) => value.trim() !== "" || "A task needs a title." })}
          />
        </Field>
        <Field label="What is wanted" htmlFor="edit-description">
          <Textarea id="edit-description" rows={6} maxLength={200_000} {...register("description")} />
        </Field>
        <div className="grid gap-4 sm:grid-cols-3">
          <Field label="Squad" htmlFor="edit-squad">
            {/* The options come later than the form: the value is held here so that it is not lost meanwhile. */}
            <Select
              id="edit-squad"
              value={squadId}
              onChange={(event) => setValue("squadId", event.target.value, { shouldDirty: true })}
            >
              <option value="">None</option>
              {squads.data?.map((squad) => (
                <option key={squad.id} value={squad.id}>
                  {squad.name}
                </option>
              ))}
            </Select>
          </Field>
          <Field label="Status" htmlFor="edit-status">
            <Select id="edit-status" {...register("status")}>
              {boardColumns.map((status) => (
                <option key={status} value={status}>
                  {statusLabel(status)}
                </option>
              ))}
            </Select>
          </Field>
          <Field label="Priority" htmlFor="edit-priority">
            <Select id="edit-priority" {...register("priority")}>
              {priorities.map(({ value, label }) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
          </Field>
        </div>
        <TaskAttachments task={task} />
        {executions.data && executions.data.data.length > 0 && (
          <section>
            <h3 className="mb-1 font-medium text-muted text-xs">Executions</h3>
            <ul className="divide-y divide-line overflow-hidden rounded-md border border-line">
              {executions.data.data.map((execution) => (
                <ExecutionRow key={execution.id} execution={execution} />
              ))}
            </ul>
          </section>
        )}
        {errors.root && (
          <p role="alert" className="text-bad">
            {errors.root.message}
          </p>
        )}
      </DialogBody>
      <DialogActions>
        <Button type="submit" disabled={!dirty} busy={formState.isSubmitting}>
          Save
        </Button>
        <DeleteTask task={task} onDeleted={onLeft} />
        <RunTask
          taskId={task.id}
          squadId={task.squadId}
          blocked={dirty ? "Save the changes to run this task." : null}
          onStarted={onLeft}
        />
      </DialogActions>
    </form>
  );
}
