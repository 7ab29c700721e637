import type { AcceptInvitationBody, Invitation, User } from "#contracts";
import { type CursorPage, cursorPage, decodeCursor, type Queryable, uuidv7 } from "#db";
import { notFound, type Refusal, type Scope, type Store, violates } from "../store.ts";
import { hashPassword, hashToken, newToken } from "./secrets.ts";
import { openSession } from "./sessions.ts";
import { toUser, type UserRow, userColumns } from "./users.queries.ts";

const invitationDays = 7;
const columns = "id, email, created_at, expires_at, accepted_at";

interface InvitationRow {
  id: string;
  email: string;
  created_at: Date;
  expires_at: Date;
  accepted_at: Date | null;
}

function toInvitation(row: InvitationRow): Invitation {
  return {
    id: row.id,
    email: row.email,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    acceptedAt: row.accepted_at?.toISOString() ?? null,
  };
}

/** The invitations the caller has sent, newest first. */
export async function listInvitations(
  db: Queryable,
  scope: Scope,
  query: { cursor?: string; limit?: number } = {},
): Promise<CursorPage<Invitation>> {
  const limit = query.limit ?? 100;
  const { rows } = await db.query<InvitationRow>(
    "invitations_list",
    `SELECT ${columns} FROM invitations WHERE invited_by = $1 AND ($2::uuid IS NULL OR id < $2)
     ORDER BY id DESC LIMIT $3`,
    [scope.userId, query.cursor === undefined ? null : decodeCursor(query.cursor), limit + 1],
  );
  return cursorPage(rows, limit, (row) => row.id, toInvitation);
}

/** Invites an address; the token is shown once and is good for one account within seven days. */
export async function invitePerson(
  db: Queryable,
  scope: Scope,
  email: string,
): Promise<{ outcome: "ok"; invitation: Invitation; token: string } | Refusal> {
  const token = newToken();
  const { rows } = await db.query<InvitationRow>(
    "invitation_create",
    `INSERT INTO invitations (id, invited_by, email, token_hash, expires_at)
     SELECT $1, $2, $3, $4, now() + make_interval(days => $5)
     WHERE NOT EXISTS (SELECT 1 FROM users WHERE lower(email) = lower($3)) RETURNING ${columns}`,
    [uuidv7(), scope.userId, email, hashToken(token), invitationDays],
  );
  const row = rows[0];
  if (!row) return { outcome: "already_exists", detail: "Someone with this e-mail has an account here already." };
  return { outcome: "ok", invitation: toInvitation(row), token };
}

/** Withdraws an invitation that has not been accepted. */
export async function withdrawInvitation(
  db: Queryable,
  scope: Scope,
  invitationId: string,
): Promise<{ outcome: "ok" } | Refusal> {
  const { rowCount } = await db.query(
    "invitation_withdraw",
    "DELETE FROM invitations WHERE id = $1 AND invited_by = $2 AND accepted_at IS NULL",
    [invitationId, scope.userId],
  );
  return rowCount === 1 ? { outcome: "ok" } : notFound("open invitation");
}

/** Makes the invited account and signs it in. */
export async function acceptInvitation(
  db: Store,
  body: AcceptInvitationBody,
  userAgent: string | null,
): Promise<{ outcome: "ok"; user: User; token: string } | Refusal> {
  const passwordHash = await hashPassword(body.password);
  try {
    return await db.transaction(async (transaction) => {
      const { rows } = await transaction.query<{ email: string }>(
        "invitation_accept",
        `UPDATE invitations SET accepted_at = now()
         WHERE token_hash = $1 AND accepted_at IS NULL AND expires_at > now() RETURNING email`,
        [hashToken(body.token)],
      );
      const email = rows[0]?.email;
      if (email === undefined) {
        return {
          outcome: "sign_up_closed",
          detail: "The invitation is used up, expired or withdrawn; ask for a new one.",
        };
      }
      const { rows: users } = await transaction.query<UserRow>(
        "member_create",
        `INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, $3, $4) RETURNING ${userColumns}`,
        [uuidv7(), email, body.name.trim(), passwordHash],
      );
      const user = toUser(users[0] as UserRow);
      return { outcome: "ok", user, token: await openSession(transaction, user.id, userAgent) };
    });
  } catch (error) {
    if (violates(error, "idx_users_email")) {
      return { outcome: "already_exists", detail: "Someone with this e-mail has an account here already: sign in." };
    }
    throw error;
  }
}

/** Removes a person and everything of theirs. The owner cannot be removed. */
export async function removePerson(db: Queryable, scope: Scope, userId: string): Promise<{ outcome: "ok" } | Refusal> {
  const { rowCount } = await db.query(
    "person_remove",
    "DELETE FROM users WHERE id = $1 AND role <> 'owner' AND id <> $2",
    [userId, scope.userId],
  );
  return rowCount === 1 ? { outcome: "ok" } : notFound("person that can be removed");
}
