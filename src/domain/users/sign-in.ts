import type { SignInBody, User } from "#contracts";
import type { Queryable } from "#db";
import type { Refusal } from "../store.ts";
import { verifyPassword } from "./secrets.ts";
import { openSession } from "./sessions.ts";
import { toUser, type UserRow, userColumns } from "./users.queries.ts";

/** Opens a session for a right password. Unknown e-mail and wrong password look alike and take equally long. */
export async function signIn(
  db: Queryable,
  body: SignInBody,
  userAgent: string | null,
): Promise<{ outcome: "ok"; user: User; token: string } | Refusal> {
  const { rows } = await db.query<UserRow & { password_hash: string }>(
    "user_by_email",
    `SELECT ${userColumns}, password_hash FROM users WHERE lower(email) = lower($1)`,
    [body.email],
  );
  const row = rows[0];
  const matches = await verifyPassword(row?.password_hash ?? null, body.password);
  if (!row || !matches) {
    return { outcome: "invalid_credentials", detail: "Check the e-mail and the password and try again." };
  }
  return { outcome: "ok", user: toUser(row), token: await openSession(db, row.id, userAgent) };
}
