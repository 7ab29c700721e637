import type { UserRole } from "#contracts";
import { type Queryable, uuidv7 } from "#db";
import { hashToken, newToken } from "./secrets.ts";

/** Who sends a request, and by what credential. */
export interface Caller {
  userId: string;
  role: UserRole;
  kind: "session" | "api_key";
  /** Id of the session or key. */
  credentialId: string;
}

/** A session ends after this time without a request. */
export const sessionDays = 30;

/** Opens a session and returns its token, which is stored nowhere. */
export async function openSession(db: Queryable, userId: string, userAgent: string | null): Promise<string> {
  const token = newToken();
  await db.query(
    "session_open",
    `INSERT INTO sessions (id, user_id, token_hash, user_agent, expires_at)
     VALUES ($1, $2, $3, $4, now() + make_interval(days => $5))`,
    [uuidv7(), userId, hashToken(token), userAgent?.slice(0, 300) ?? null, sessionDays],
  );
  return token;
}

/** Ends a session; doing it twice is the same as once. */
export async function closeSession(db: Queryable, caller: Caller): Promise<void> {
  if (caller.kind !== "session") return;
  await db.query("session_close", "DELETE FROM sessions WHERE id = $1 AND user_id = $2", [
    caller.credentialId,
    caller.userId,
  ]);
}

interface CallerRow {
  id: string;
  user_id: string;
  role: UserRole;
}

function toCaller(row: CallerRow | undefined, kind: Caller["kind"]): Caller | null {
  return row ? { userId: row.user_id, role: row.role, kind, credentialId: row.id } : null;
}

/** The caller behind a session token, or null. Use prolongs the session, at most once a minute. */
export async function findSession(db: Queryable, tokenHash: Buffer): Promise<Caller | null> {
  const { rows } = await db.query<CallerRow>(
    "session_find",
    `WITH found AS (
       SELECT s.id, s.user_id, u.role, s.last_seen_at FROM sessions s JOIN users u ON u.id = s.user_id
       WHERE s.token_hash = $1 AND s.expires_at > now()
     ), touched AS (
       UPDATE sessions s SET last_seen_at = now(), expires_at = now() + make_interval(days => $2)
       FROM found WHERE s.id = found.id AND found.last_seen_at < now() - interval '1 minute'
     )
     SELECT id, user_id, role FROM found`,
    [tokenHash, sessionDays],
  );
  return toCaller(rows[0], "session");
}

/** The caller behind an API key, or null when it is unknown or revoked. Notes the use, at most once a minute. */
export async function findApiKey(db: Queryable, tokenHash: Buffer): Promise<Caller | null> {
  const { rows } = await db.query<CallerRow>(
    "api_key_find",
    `WITH found AS (
       SELECT k.id, k.user_id, u.role, k.last_used_at FROM api_keys k JOIN users u ON u.id = k.user_id
       WHERE k.token_hash = $1 AND k.revoked_at IS NULL
     ), touched AS (
       UPDATE api_keys k SET last_used_at = now()
       FROM found WHERE k.id = found.id AND (found.last_used_at IS NULL OR found.last_used_at < now() - interval '1 minute')
     )
     SELECT id, user_id, role FROM found`,
    [tokenHash],
  );
  return toCaller(rows[0], "api_key");
}
