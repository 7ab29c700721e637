"use client";
import { useQuery } from "@tanstack/react-query";
import { queries } from "../../lib/queries.ts";
import { useHydrated } from "../../lib/use-hydrated.ts";
import { type AuthField, AuthForm } from "./auth-form.tsx";

const person: AuthField[] = [
  { name: "name", label: "Your name", autoComplete: "name" },
  { name: "email", label: "E-mail", type: "email", autoComplete: "username" },
  {
    name: "password",
    label: "Password",
    type: "password",
    autoComplete: "new-password",
    minLength: 10,
    hint: "At least 10 characters. A few random words are good.",
  },
];

/** The code that a link carries, after `?code=` or `#code=`. */
export function linkValue(name: string): string {
  const { search, hash } = window.location;
  return new URLSearchParams(search).get(name) ?? new URLSearchParams(hash.slice(1)).get(name) ?? "";
}

/** `/claim?code=…`, printed by the server on its first run: whoever has the link becomes the owner. */
export function ClaimPage() {
  const hydrated = useHydrated();
  const { data } = useQuery(queries.authState());
  const code = hydrated ? linkValue("code") : "";
  const askCode: AuthField[] =
    hydrated && !code
      ? [
          {
            name: "claimCode",
            label: "Claim code",
            autoComplete: "one-time-code",
            hint: "It is part of the link in the terminal.",
          },
        ]
      : [];
  return (
    <AuthForm
      title="Claim this installation"
      path="/api/v1/auth/claim"
      action="Become the owner"
      fields={[...askCode, ...person]}
      {...(code ? { given: { claimCode: code } } : {})}
      errors={{
        claim_closed:
          "This link is old, or somebody has claimed this installation. Each start prints a new link: open the newest. Owners sign in; others ask for an invitation.",
      }}
    >
      {data?.claimed ? (
        <p>
          It has an owner already.{" "}
          <a className="text-accent underline" href="/sign-in">
            Sign in
          </a>{" "}
          instead.
        </p>
      ) : (
        <p>You become its owner: you invite others, add provider accounts and set budgets.</p>
      )}
    </AuthForm>
  );
}
