import type { AuthState, Person, User, UserRole } from "#contracts";
import { type CursorPage, cursorPage, decodeCursor, type Queryable } from "#db";
import type { Scope } from "../store.ts";

export interface UserRow {
  id: string;
  email: string;
  name: string;
  role: UserRole;
  avatar_key: string | null;
  created_at: Date;
}

/** The columns of `UserRow`. */
export const userColumns = "id, email, name, role, avatar_key, created_at";

/** A user as the API shows it. */
export function toUser(row: UserRow): User {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    role: row.role,
    avatarKey: row.avatar_key,
    createdAt: row.created_at.toISOString(),
  };
}

/** The user itself. */
export async function readUser(db: Queryable, scope: Scope): Promise<User | null> {
  const { rows } = await db.query<UserRow>("user_read", `SELECT ${userColumns} FROM users WHERE id = $1`, [
    scope.userId,
  ]);
  return rows[0] ? toUser(rows[0]) : null;
}

/** Whether this installation has an owner. */
export async function readAuthState(db: Queryable): Promise<Pick<AuthState, "claimed">> {
  const { rows } = await db.query<{ claimed: boolean }>(
    "auth_state",
    "SELECT claimed_at IS NOT NULL AS claimed FROM installation",
  );
  return { claimed: rows[0]?.claimed ?? false };
}

/** Everyone with an account here. For the owner: the route's policy sees to that. */
export async function listPeople(
  db: Queryable,
  _scope: Scope,
  query: { cursor?: string; limit?: number },
): Promise<CursorPage<Person>> {
  const limit = query.limit ?? 100;
  const { rows } = await db.query<UserRow>(
    "people_list",
    `SELECT ${userColumns} FROM users WHERE ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2`,
    [query.cursor === undefined ? null : decodeCursor(query.cursor), limit + 1],
  );
  return cursorPage(
    rows,
    limit,
    (row) => row.id,
    ({ id, email, name, role, created_at }) => ({ id, email, name, role, createdAt: created_at.toISOString() }),
  );
}
