import { randomBytes } from "node:crypto";
import type { User } from "#contracts";
import { uuidv7 } from "#db";
import type { Queryable, Store } from "../store.ts";
import { hashPassword } from "./secrets.ts";
import { toUser, type UserRow, userColumns } from "./users.queries.ts";

/** Until the installation is claimed, the owner has this address and a password that nobody knows. */
const localOwner = { email: "owner@localhost", name: "Owner" };

/** The owner, claimed or not yet; null when nobody has used this installation. */
async function findOwner(db: Queryable): Promise<User | null> {
  const { rows } = await db.query<UserRow>(
    "owner_find",
    `SELECT ${userColumns} FROM users WHERE role = 'owner' ORDER BY created_at, id LIMIT 1`,
  );
  return rows[0] ? toUser(rows[0]) : null;
}

/**
 * The user that the command line works as: the owner. Before the first claim there is none, so one is made that cannot
 * sign in; the claim then takes it over, with everything it has.
 */
export async function ensureOwner(db: Store): Promise<User> {
  const present = await findOwner(db);
  if (present) return present;
  const passwordHash = await hashPassword(randomBytes(32).toString("base64url"));
  return db.transaction(async (transaction) => {
    // A claim, or another command line at the same moment, waits here or is waited for.
    await transaction.query("claim_lock", "SELECT claim_code_hash, claimed_at FROM installation FOR UPDATE");
    const meanwhile = await findOwner(transaction);
    if (meanwhile) return meanwhile;
    const { rows } = await transaction.query<UserRow>(
      "owner_create_local",
      `INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, $2, $3, $4, 'owner') RETURNING ${userColumns}`,
      [uuidv7(), localOwner.email, localOwner.name, passwordHash],
    );
    return toUser(rows[0] as UserRow);
  });
}

/** The user with this e-mail; null when there is none. */
export async function findUserByEmail(db: Queryable, email: string): Promise<User | null> {
  const { rows } = await db.query<UserRow>(
    "user_find_by_email",
    `SELECT ${userColumns} FROM users WHERE lower(email) = lower($1)`,
    [email],
  );
  return rows[0] ? toUser(rows[0]) : null;
}
