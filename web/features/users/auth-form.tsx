"use client";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import type { SignedIn } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import { Field, Input } from "../../components/ui/field.tsx";
import { ApiError, apiSend, messageOf } from "../../lib/api.ts";
import { useHydrated } from "../../lib/use-hydrated.ts";
import { useGo } from "../../lib/use-route.ts";

export interface AuthField {
  name: string;
  label: string;
  type?: "text" | "email" | "password";
  autoComplete: string;
  hint?: string;
  minLength?: number;
}

interface AuthFormProps {
  title: string;
  children?: ReactNode;
  fields: AuthField[];
  action: string;
  path: string;
  /** Values that the visitor does not type, such as the code of the link. */
  given?: Record<string, string>;
  /** Words for error codes that deserve better ones here. */
  errors?: Record<string, string>;
}

/** A page for visitors: a few fields, one button, and the way into the app when the server says yes. */
export function AuthForm({ title, children, fields, action, path, given, errors = {} }: AuthFormProps) {
  const client = useQueryClient();
  const go = useGo();
  const hydrated = useHydrated();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<{ title: string; fields: Record<string, string> } | null>(null);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>;
    setBusy(true);
    setFailure(null);
    try {
      await apiSend<SignedIn>("POST", path, { ...given, ...values });
      client.clear();
      go(nextPath(window.location.search));
    } catch (error) {
      const code = error instanceof ApiError ? error.code : "";
      const found = error instanceof ApiError ? error.fields : [];
      setFailure({
        title: errors[code] ?? messageOf(error),
        fields: Object.fromEntries(found.map((field) => [field.path.replace(/^\//, ""), field.message])),
      });
      setBusy(false);
    }
  };

  return (
    <div className="w-full max-w-sm">
      <h1 className="text-center font-semibold text-xl">{title}</h1>
      {children && <div className="mt-1.5 text-balance text-center text-muted">{children}</div>}
      <form
        onSubmit={submit}
        className="mt-6 flex flex-col gap-3.5 rounded-xl border border-line bg-surface p-5 shadow-card"
      >
        {fields.map(({ name, label, hint, ...rest }) => (
          <Field key={name} label={label} htmlFor={name} hint={hint} error={failure?.fields[name]}>
            <Input id={name} name={name} required {...rest} />
          </Field>
        ))}
        {failure && (
          <p role="alert" className="rounded-md bg-bad-soft px-2.5 py-1.5 text-bad">
            {failure.title}
          </p>
        )}
        <Button type="submit" look="primary" busy={busy} disabled={!hydrated} className="mt-1 w-full">
          {action}
        </Button>
      </form>
    </div>
  );
}

/** Where to go after signing in: the page that was asked for, if it is one of ours. */
export function nextPath(search: string): string {
  const next = new URLSearchParams(search).get("next") ?? "/";
  return next.startsWith("/") && !next.startsWith("//") && !next.startsWith("/\\") ? next : "/";
}
