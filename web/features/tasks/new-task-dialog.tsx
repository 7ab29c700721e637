"use client";
import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useState } from "react";
import { useForm } from "react-hook-form";
import type { CreateTaskBody, ExecutionStateAnswer, ProjectListItem, Task, TaskAnswer } from "#contracts";
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
import { type NewTaskForm, useNewTaskDraft } from "./new-task-draft.ts";
import { priorities } from "./priority.tsx";

interface NewTaskDialogProps {
  /** Without it the project is chosen here. */
  projectId?: string;
  /** Chosen from the first. */
  squadId?: string;
  /** Whose draft it is; nobody's is kept. */
  userId: string | undefined;
  onClose: () => void;
  /** Like `onClose`, and something else is gone to. */
  onLeft: () => void;
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

interface Option {
  id: string;
}

/**
 * What is chosen counts while it can be: options come later than the form, and one of a draft may be gone. The newest
 * project is chosen where none is.
 */
function chosenOf(wanted: NewTaskForm, squads: Option[] | undefined, projects: Option[] | undefined) {
  const among = (options: Option[] | undefined, chosen: string) => options?.find(({ id }) => id === chosen)?.id;
  return {
    squadId: among(squads, wanted.squadId) ?? "",
    projectId: among(projects, wanted.projectId) ?? projects?.[0]?.id ?? "",
  };
}

/** Writes a task, and starts it at once if wanted. What is typed is kept on the device until it is created or thrown away. */
export default function NewTaskDialog(props: NewTaskDialogProps) {
  const { projectId: ofProject, squadId: ofSquad = "", userId, onClose, onLeft } = props;
  const client = useQueryClient();
  const go = useGo();
  const squads = useQuery(queries.activeSquads());
  const projects = useQuery({ ...queries.allProjects(), enabled: ofProject === undefined });
  const [files, setFiles] = useState<File[]>([]);
  const [busy, setBusy] = useState<"create" | "run" | null>(null);
  const form = useForm<NewTaskForm>({
    defaultValues: { title: "", description: "", priority: "medium", projectId: "", squadId: ofSquad },
  });
  const { register, handleSubmit, setError, setValue, formState, watch } = form;
  const { errors, isDirty } = formState;
  const draft = useNewTaskDraft(form, userId, `task-${ofProject ?? (ofSquad || "anywhere")}`, files);
  const { squadId, projectId } = chosenOf(watch(), squads.data, ofProject ? [{ id: ofProject }] : projects.data);

  const create = (run: boolean) =>
    handleSubmit(async ({ squadId: _squad, projectId: _project, ...values }) => {
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
        draft.forget();
        void invalidate(client, "/tasks", "/projects", "/dashboard");
        if (!run) {
          toastDone("Task created");
          onClose();
          return;
        }
        const place = await startTask(client, task);
        onLeft();
        go(place);
      } catch (error) {
        setError("root", { message: messageOf(error) });
        setBusy(null);
      }
    });

  return (
    <FormDialog
      dirty={isDirty || files.length > 0}
      kept={draft.isKept && files.length === 0}
      title="New task"
      description={draft.found}
      onClose={() => {
        draft.forget();
        onClose();
      }}
      className="max-w-2xl"
    >
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
            <Select
              id="task-squad"
              value={squadId}
              onChange={(event) => setValue("squadId", event.target.value, { shouldDirty: true })}
            >
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
            <ProjectField
              projects={projects.data}
              value={projectId}
              onChange={(id) => setValue("projectId", id, { shouldDirty: true })}
            />
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
        <NewTaskActions busy={busy} hasSquad={squadId !== ""} onRun={create(true)} />
      </form>
    </FormDialog>
  );
}

interface NewTaskActionsProps {
  busy: "create" | "run" | null;
  hasSquad: boolean;
  onRun: () => void;
}

function NewTaskActions({ busy, hasSquad, onRun }: NewTaskActionsProps) {
  return (
    <DialogActions>
      {!hasSquad && (
        <p id="run-reason" className="mr-auto text-muted text-xs max-sm:w-full">
          To run it at once, choose a squad.
        </p>
      )}
      <Button type="submit" busy={busy === "create"} disabled={busy !== null}>
        Create
      </Button>
      <Button
        look="primary"
        busy={busy === "run"}
        disabled={busy !== null || !hasSquad}
        aria-describedby={hasSquad ? undefined : "run-reason"}
        icon={<Play aria-hidden className="size-3.5" />}
        onClick={onRun}
      >
        Create and run
      </Button>
    </DialogActions>
  );
}

interface ProjectFieldProps {
  /** Undefined until they are read. */
  projects: ProjectListItem[] | undefined;
  value: string;
  onChange: (projectId: string) => void;
}

function ProjectField({ projects, value, onChange }: ProjectFieldProps) {
  return (
    <Field
      label="Project"
      htmlFor="task-project"
      className="sm:col-span-2"
      hint={projects?.length === 0 ? "There is none yet: the first one is made for it." : undefined}
    >
      <Select id="task-project" value={value} onChange={(event) => onChange(event.target.value)}>
        {!value && <option value="">{projects ? "A new project" : "Loading"}</option>}
        {projects?.map((project) => (
          <option key={project.id} value={project.id}>
            {project.name}
          </option>
        ))}
      </Select>
    </Field>
  );
}
