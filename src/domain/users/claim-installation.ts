import { timingSafeEqual } from "node:crypto";
import type { ClaimBody, User } from "#contracts";
import { type Queryable, uuidv7 } from "#db";
import { type Refusal, type Store, violates } from "../store.ts";
import { hashPassword, hashToken, newToken } from "./secrets.ts";
import { openSession } from "./sessions.ts";
import { toUser, type UserRow, userColumns } from "./users.queries.ts";

/**
 * Makes a new claim code while nobody owns this installation, voiding the one before; null once it is claimed.
 * Whoever has the code becomes the owner, so it goes to the terminal of the one who started Muster and nowhere else.
 */
export async function issueClaimCode(db: Queryable): Promise<string | null> {
  const code = newToken();
  const { rows } = await db.query(
    "claim_code_issue",
    "UPDATE installation SET claim_code_hash = $1 WHERE claimed_at IS NULL RETURNING id",
    [hashToken(code)],
  );
  return rows.length === 1 ? code : null;
}

/**
 * Makes the owner, once, and signs them in. What the command line did before is an owner's already (`ensureOwner`): that
 * account gets the name, the address and the password, and keeps what it has.
 */
export async function claimInstallation(
  db: Store,
  body: ClaimBody,
  userAgent: string | null,
): Promise<{ outcome: "ok"; user: User; token: string } | Refusal> {
  const closed = (detail: string): Refusal => ({ outcome: "claim_closed", detail });
  // The hash costs 20 ms of CPU: not while the row is locked.
  const passwordHash = await hashPassword(body.password);
  const claim = db.transaction(async (transaction): Promise<{ outcome: "ok"; user: User; token: string } | Refusal> => {
    const { rows } = await transaction.query<{ claim_code_hash: Buffer | null; claimed_at: Date | null }>(
      "claim_lock",
      "SELECT claim_code_hash, claimed_at FROM installation FOR UPDATE",
    );
    const row = rows[0];
    if (!row || row.claimed_at) return closed("Ask the owner for an invitation, or sign in.");
    const given = hashToken(body.claimCode);
    if (!row.claim_code_hash || !timingSafeEqual(row.claim_code_hash, given)) {
      return closed("Use the claim link that the last start of the server printed.");
    }
    const { rows: users } = await transaction.query<UserRow>(
      "owner_take_over",
      `UPDATE users SET email = $1, name = $2, password_hash = $3
       WHERE id = (SELECT id FROM users WHERE role = 'owner' ORDER BY created_at, id LIMIT 1) RETURNING ${userColumns}`,
      [body.email, body.name.trim(), passwordHash],
    );
    const user = users[0] ? toUser(users[0]) : await createOwner(transaction, body, passwordHash);
    await transaction.query("claim_close", "UPDATE installation SET claimed_at = now(), claim_code_hash = NULL");
    const token = await openSession(transaction, user.id, userAgent);
    return { outcome: "ok", user, token };
  });
  return claim.catch((error: unknown): Refusal => {
    if (!violates(error, "idx_users_email")) throw error;
    return { outcome: "already_exists", detail: "Another account has this e-mail: use a different one." };
  });
}

async function createOwner(db: Queryable, body: ClaimBody, passwordHash: string): Promise<User> {
  const { rows } = await db.query<UserRow>(
    "owner_create",
    `INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, $2, $3, $4, 'owner')
     ON CONFLICT (lower(email)) DO UPDATE SET name = excluded.name, password_hash = excluded.password_hash, role = 'owner'
     RETURNING ${userColumns}`,
    [uuidv7(), body.email, body.name.trim(), passwordHash],
  );
  return toUser(rows[0] as UserRow);
}
