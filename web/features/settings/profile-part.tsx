"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import type { Me, UpdateMeBody } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import { Field, Input } from "../../components/ui/field.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { Failure, Skeleton } from "../../components/ui/states.tsx";
import { apiSend, messageOf } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone } from "../../lib/toast.ts";
import { PictureField } from "../avatars/picture-field.tsx";

/** One's own name and password. */
export default function ProfilePart() {
  const { data, error, refetch } = useQuery(queries.me());
  if (error && !data) return <Failure error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton className="h-72 rounded-lg" />;
  return <ProfileForm key={data.user.name} me={data} />;
}

function ProfileForm({ me }: { me: Me }) {
  const client = useQueryClient();
  const { register, handleSubmit, setError, formState, reset, watch } = useForm({
    defaultValues: { name: me.user.name, currentPassword: "", newPassword: "" },
  });
  const { errors } = formState;
  const newPassword = watch("newPassword");
  const save = handleSubmit(async ({ name, currentPassword, newPassword }) => {
    const body: UpdateMeBody = { name: name.trim(), ...(newPassword ? { currentPassword, newPassword } : {}) };
    try {
      await apiSend("PATCH", "/api/v1/me", body);
      await invalidate(client, "/me", "/dashboard");
      reset({ name: name.trim(), currentPassword: "", newPassword: "" });
      toastDone(newPassword ? "Saved; your other sessions have ended" : "Saved");
    } catch (failure) {
      setError("root", { message: messageOf(failure) });
    }
  });
  return (
    <Panel title="Your account">
      <div className="border-line border-b p-4">
        <PictureField
          path="/api/v1/me/avatar"
          name={me.user.name}
          picture={me.user.avatarKey}
          onChanged={() => invalidate(client, "/me", "/dashboard")}
        />
      </div>
      <form onSubmit={save} noValidate className="grid max-w-xl gap-4 p-4 sm:grid-cols-2">
        <Field label="Name" htmlFor="me-name" error={errors.name?.message}>
          <Input
            id="me-name"
            autoComplete="name"
            maxLength={120}
            {...register("name", { validate: (value) => value.trim() !== "" || "Write your name." })}
          />
        </Field>
        <Field label="E-mail" htmlFor="me-email">
          <Input id="me-email" value={me.user.email} readOnly disabled />
        </Field>
        <Field
          label="New password"
          htmlFor="me-new"
          error={errors.newPassword?.message}
          hint="Leave it empty to keep the current one. A new one ends your other sessions."
        >
          <Input
            id="me-new"
            type="password"
            autoComplete="new-password"
            {...register("newPassword", {
              validate: (value) => value === "" || value.length >= 10 || "At least 10 characters.",
            })}
          />
        </Field>
        <Field label="Current password" htmlFor="me-current" error={errors.currentPassword?.message}>
          <Input
            id="me-current"
            type="password"
            autoComplete="current-password"
            disabled={!newPassword}
            {...register("currentPassword", {
              validate: (value, all) => all.newPassword === "" || value !== "" || "Needed to set a new one.",
            })}
          />
        </Field>
        {errors.root && (
          <p role="alert" className="text-bad sm:col-span-2">
            {errors.root.message}
          </p>
        )}
        <Button type="submit" look="primary" busy={formState.isSubmitting} className="justify-self-start">
          Save
        </Button>
      </form>
    </Panel>
  );
}
