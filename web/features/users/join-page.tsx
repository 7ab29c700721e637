"use client";
import { useHydrated } from "../../lib/use-hydrated.ts";
import { AuthForm } from "./auth-form.tsx";
import { linkValue } from "./claim-page.tsx";

/** `/join?token=…`: the page an invitation leads to. */
export function JoinPage() {
  const hydrated = useHydrated();
  const token = hydrated ? linkValue("token") : "";
  return (
    <AuthForm
      title="Join this Muster"
      path="/api/v1/auth/accept-invitation"
      action="Join"
      {...(token ? { given: { token } } : {})}
      fields={[
        ...(hydrated && !token ? [{ name: "token", label: "Invitation code", autoComplete: "one-time-code" }] : []),
        { name: "name", label: "Your name", autoComplete: "name" },
        {
          name: "password",
          label: "Password",
          type: "password",
          autoComplete: "new-password",
          minLength: 10,
          hint: "At least 10 characters.",
        },
      ]}
      errors={{
        sign_up_closed: "This invitation was used or has run out. Ask for a new one.",
        not_found: "This invitation was used or has run out. Ask for a new one.",
      }}
    >
      <p>You were invited. Choose a name and a password.</p>
    </AuthForm>
  );
}
