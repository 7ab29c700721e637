import { timingSafeEqual } from "node:crypto";
import type { ClaimBody, User } from "#contracts";
import { type Queryable, uuidv7 } from "#db";
import type { Refusal, Store } from "../store.ts";
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
  return db.transaction(async (transaction): Promise<{ outcome: "ok"; user: User; token: string } | Refusal> => {
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
    const user = await makeOwner(transaction, body, passwordHash);
    if (!user) return { outcome: "already_exists", detail: "Another account has this e-mail: use a different one." };
    await transaction.query("claim_close", "UPDATE installation SET claimed_at = now(), claim_code_hash = NULL");
    const token = await openSession(transaction, user.id, userAgent);
    return { outcome: "ok", user, token };
  });
}

/** The owner of the command line when there is one, else a new one; null when the e-mail is somebody else's. */
async function makeOwner(db: Queryable, body: ClaimBody, passwordHash: string): Promise<User | null> {
  const name = body.name.trim();
  const { rows: local } = await db.query<{ id: string; taken: boolean }>(
    "owner_local",
    `SELECT u.id, EXISTS (SELECT 1 FROM users o WHERE lower(o.email) = lower($1) AND o.id <> u.id) AS taken
     FROM users u WHERE u.role = 'owner' ORDER BY u.created_at, u.id LIMIT 1`,
    [body.email],
  );
  if (local[0]?.taken) return null;
  if (local[0]) {
    const { rows } = await db.query<UserRow>(
      "owner_take_over",
      `UPDATE users SET email = $2, name = $3, password_hash = $4 WHERE id = $1 RETURNING ${userColumns}`,
      [local[0].id, body.email, name, passwordHash],
    );
    return toUser(rows[0] as UserRow);
  }
  const { rows } = await db.query<UserRow>(
    "owner_create",
    `INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, $2, $3, $4, 'owner')
     ON CONFLICT (lower(email)) DO UPDATE SET name = excluded.name, password_hash = excluded.password_hash, role = 'owner'
     RETURNING ${userColumns}`,
    [uuidv7(), body.email, name, passwordHash],
  );
  return toUser(rows[0] as UserRow);
}
