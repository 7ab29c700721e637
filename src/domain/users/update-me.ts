import type { UpdateMeBody, User } from "#contracts";
import type { Refusal, Store } from "../store.ts";
import { hashPassword, verifyPassword } from "./secrets.ts";
import type { Caller } from "./sessions.ts";
import { toUser, type UserRow, userColumns } from "./users.queries.ts";

/** Changes the caller's name or password. A new password needs the present one and ends all other sessions. */
export async function updateMe(
  db: Store,
  caller: Caller,
  body: UpdateMeBody,
): Promise<{ outcome: "ok"; user: User; endedSessions: boolean } | Refusal> {
  let passwordHash: string | null = null;
  if (body.newPassword !== undefined) {
    const { rows } = await db.query<{ password_hash: string }>(
      "user_password",
      "SELECT password_hash FROM users WHERE id = $1",
      [caller.userId],
    );
    if (!(await verifyPassword(rows[0]?.password_hash ?? null, body.currentPassword ?? ""))) {
      return { outcome: "invalid_credentials", detail: "Send your present password as currentPassword." };
    }
    passwordHash = await hashPassword(body.newPassword);
  }
  return db.transaction(async (transaction) => {
    const { rows } = await transaction.query<UserRow>(
      "user_update",
      `UPDATE users SET name = COALESCE($2, name), password_hash = COALESCE($3, password_hash)
       WHERE id = $1 RETURNING ${userColumns}`,
      [caller.userId, body.name?.trim() ?? null, passwordHash],
    );
    if (passwordHash !== null) {
      await transaction.query("sessions_end_others", "DELETE FROM sessions WHERE user_id = $1 AND id <> $2", [
        caller.userId,
        caller.credentialId,
      ]);
    }
    return { outcome: "ok", user: toUser(rows[0] as UserRow), endedSessions: passwordHash !== null };
  });
}
