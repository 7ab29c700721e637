"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import type { Project, ProjectAnswer } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import { DialogActions, DialogBody } from "../../components/ui/dialog.tsx";
import { Field, Input, Textarea } from "../../components/ui/field.tsx";
import { FormDialog } from "../../components/ui/form-dialog.tsx";
import { apiSend, messageOf } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone } from "../../lib/toast.ts";
import { useGo } from "../../lib/use-route.ts";

/** Makes a project, or changes one. */
export default function ProjectDialog({ project, onClose }: { project: Project | null; onClose: () => void }) {
  const client = useQueryClient();
  const go = useGo();
  const { register, handleSubmit, setError, formState } = useForm({
    defaultValues: { name: project?.name ?? "", description: project?.description ?? "" },
  });
  const { errors } = formState;
  const submit = handleSubmit(async (values) => {
    try {
      const path = project ? `/api/v1/projects/${project.id}` : "/api/v1/projects";
      const answer = await apiSend<ProjectAnswer>(project ? "PATCH" : "POST", path, values);
      client.setQueryData(queries.project(answer.project.id).queryKey, answer);
      void client.invalidateQueries({ queryKey: ["/projects"] });
      void invalidate(client, "/dashboard");
      toastDone(project ? "Project saved" : "Project created");
      onClose();
      if (!project) go(`/projects/${answer.project.id}`);
    } catch (error) {
      setError("root", { message: messageOf(error) });
    }
  });
  return (
    <FormDialog dirty={formState.isDirty} title={project ? "Edit the project" : "New project"} onClose={onClose}>
      <form onSubmit={submit} noValidate className="flex min-h-0 flex-col">
        <DialogBody className="flex flex-col gap-4">
          <Field label="Name" htmlFor="project-name" error={errors.name?.message}>
            <Input
              id="project-name"
              data-autofocus
              maxLength={120}
              {...register("name", { validate: (value) => value.trim() !== "" || "A project needs a name." })}
            />
          </Field>
          <Field label="Description" htmlFor="project-description">
            <Textarea id="project-description" rows={4} maxLength={20_000} {...register("description")} />
          </Field>
          {errors.root && (
            <p role="alert" className="text-bad">
              {errors.root.message}
            </p>
          )}
        </DialogBody>
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={formState.isSubmitting}>
            {project ? "Save" : "Create project"}
          </Button>
        </DialogActions>
      </form>
    </FormDialog>
  );
}
