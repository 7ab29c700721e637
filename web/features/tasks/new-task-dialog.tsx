"use client";
import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useEffect, useState } from "react";
import { useForm } from "react-hook-form";
import type { CreateTaskBody, ExecutionStateAnswer, Task, TaskAnswer, TaskPriority } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import { DialogActions, DialogBody } from "../../components/ui/dialog.tsx";
import { Field, Input, Select, Textarea } from "../../components/ui/field.tsx";
import { FormDialog } from "../../components/ui/form-dialog.tsx";
import { apiSend, messageOf } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone, toastError } from "../../lib/toast.ts";
import { useGo } from "../../lib/use-route.ts";
import { attachmentProblem, toAttachment } from "./attachments.ts";
import { FilePicker } from "./file-picker.tsx";
import { priorities } from "./priority.tsx";

interface NewTaskForm {
  title: string;
  description: string;
  priority: TaskPriority;
  projectId: string;
  squadId: string;
}

interface NewTaskDialogProps {
  /** Without it the project is chosen here. */
  projectId?: string;
  /** Chosen from the first. */
  squadId?: string;
  onClose: () => void;
}

/** Starts it and returns where to go on. */
async function startTask(client: QueryClient, { id, projectId }: Task): Promise<string> {
  try {
    const { execution } = await apiSend<ExecutionStateAnswer>("POST", `/api/v1/tasks/${id}/executions`, {});
    void client.invalidateQueries({ queryKey: ["/executions"] });
    return `/executions/${execution.id}`;
  } catch (error) {
    // The task is there: sent again, the form would make it a second time.
    toastError("The task was created, but not started", error);
    return `/projects/${projectId}`;
  }
}

/** Writes a task, and starts it at once if wanted. */
export default function NewTaskDialog({ projectId: ofProject, squadId: ofSquad = "", onClose }: NewTaskDialogProps) {
  const client = useQueryClient();
  const go = useGo();
  const squads = useQuery(queries.activeSquads());
  const projects = useQuery({ ...queries.allProjects(), enabled: ofProject === undefined });
  const [files, setFiles] = useState<File[]>([]);
  const [busy, setBusy] = useState<"create" | "run" | null>(null);
  const { register, handleSubmit, setError, formState, watch, resetField } = useForm<NewTaskForm>({
    defaultValues: { title: "", description: "", priority: "medium", projectId: ofProject ?? "", squadId: ofSquad },
  });
  const { errors } = formState;
  const newest = projects.data?.[0]?.id;
  useEffect(() => {
    if (newest) resetField("projectId", { defaultValue: newest });
  }, [newest, resetField]);
  // A select shows what it holds once there is such an option.
  const offered = squads.data !== undefined;
  useEffect(() => {
    if (offered && ofSquad) resetField("squadId", { defaultValue: ofSquad });
  }, [offered, ofSquad, resetField]);
  const squadId = watch("squadId");

  const create = (run: boolean) =>
    handleSubmit(async ({ squadId, projectId, ...values }) => {
      if (attachmentProblem(files)) return;
      setBusy(run ? "run" : "create");
      try {
        const attachments = await Promise.all(files.map(toAttachment));
        const body: CreateTaskBody = {
          ...values,
          // Without one the server makes the first project.
          ...(projectId ? { projectId } : {}),
          squadId: squadId || null,
          attachments,
        };
        const { task } = await apiSend<TaskAnswer>("POST", "/api/v1/tasks", body);
        void invalidate(client, "/tasks", "/projects", "/dashboard");
        if (!run) {
          toastDone("Task created");
          onClose();
          return;
        }
        const place = await startTask(client, task);
        onClose();
        go(place);
      } catch (error) {
        setError("root", { message: messageOf(error) });
        setBusy(null);
      }
    });

  return (
    <FormDialog dirty={formState.isDirty || files.length > 0} title="New task" onClose={onClose} className="max-w-2xl">
      <form onSubmit={create(false)} noValidate className="flex min-h-0 flex-col">
        <DialogBody className="grid gap-4 sm:grid-cols-2">
          <Field label="Title" htmlFor="task-title" error={errors.title?.message} className="sm:col-span-2">
            <Input
              id="task-title"
              data-autofocus
              maxLength={300}
              {...register("title", {
                validate: (value) => value.trim() !== "" || "Say in a few words what is wanted.",
              })}
            />
          </Field>
          <Field
            label="What is wanted"
            htmlFor="task-description"
            className="sm:col-span-2"
            hint="What to deliver, for whom, what must be in it. The squad reads it word for word."
          >
            <Textarea id="task-description" rows={7} maxLength={200_000} {...register("description")} />
          </Field>
          <Field
            label="Squad"
            htmlFor="task-squad"
            hint={squads.data?.length === 0 ? "There is no active squad yet." : undefined}
          >
            <Select id="task-squad" {...register("squadId")}>
              <option value="">Choose later</option>
              {squads.data?.map((squad) => (
                <option key={squad.id} value={squad.id}>
                  {squad.name}
                </option>
              ))}
            </Select>
          </Field>
          <Field label="Priority" htmlFor="task-priority">
            <Select id="task-priority" {...register("priority")}>
              {priorities.map(({ value, label }) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
          </Field>
          {ofProject === undefined && (
            <Field
              label="Project"
              htmlFor="task-project"
              className="sm:col-span-2"
              hint={projects.data?.length === 0 ? "There is none yet: the first one is made for it." : undefined}
            >
              <Select id="task-project" {...register("projectId")}>
                {!newest && <option value="">{projects.data ? "A new project" : "Loading"}</option>}
                {projects.data?.map((project) => (
                  <option key={project.id} value={project.id}>
                    {project.name}
                  </option>
                ))}
              </Select>
            </Field>
          )}
          <div className="sm:col-span-2">
            <FilePicker id="task-files" files={files} onChange={setFiles} />
          </div>
          {errors.root && (
            <p role="alert" className="text-bad sm:col-span-2">
              {errors.root.message}
            </p>
          )}
        </DialogBody>
        <DialogActions>
          {!squadId && (
            <p id="run-reason" className="mr-auto text-muted text-xs">
              To run it at once, choose a squad.
            </p>
          )}
          <Button type="submit" busy={busy === "create"} disabled={busy !== null}>
            Create
          </Button>
          <Button
            look="primary"
            busy={busy === "run"}
            disabled={busy !== null || !squadId}
            aria-describedby={squadId ? undefined : "run-reason"}
            icon={<Play aria-hidden className="size-3.5" />}
            onClick={create(true)}
          >
            Create and run
          </Button>
        </DialogActions>
      </form>
    </FormDialog>
  );
}
