"use client";
import { useQuery } from "@tanstack/react-query";
import { queries } from "../../lib/queries.ts";
import { useHydrated } from "../../lib/use-hydrated.ts";
import { AuthForm, nextPath } from "./auth-form.tsx";
import { endedParameter, signInWords } from "./sign-in-words.ts";

/** `/sign-in`; on an installation that nobody has claimed it says where the claim link is. */
export function SignInPage() {
  const { data } = useQuery(queries.authState());
  const search = useHydrated() ? window.location.search : "";
  const words = signInWords(nextPath(search), new URLSearchParams(search).has(endedParameter));
  return (
    <AuthForm
      title="Sign in to Muster"
      path="/api/v1/auth/sign-in"
      action="Sign in"
      fields={[
        { name: "email", label: "E-mail", type: "email", autoComplete: "username" },
        { name: "password", label: "Password", type: "password", autoComplete: "current-password" },
      ]}
      errors={{ invalid_credentials: "This e-mail and password do not belong together." }}
    >
      {data && !data.claimed ? (
        <p>
          Nobody has claimed this installation yet. Open the claim link that{" "}
          <code className="font-mono text-xs">npm start</code> printed in the terminal.
        </p>
      ) : (
        words && <p>{words}</p>
      )}
    </AuthForm>
  );
}
