import type { AvatarFormat } from "#contracts";
import type { Queryable } from "#db";
import type { Scope } from "../store.ts";

/** The bytes of one picture; null when the user has none like it. */
export async function readAvatar(
  db: Queryable,
  scope: Scope,
  picture: { hash: string; size: number; format: AvatarFormat },
): Promise<Buffer | null> {
  const { rows } = await db.query<{ content: Buffer }>(
    "avatar_read",
    "SELECT content FROM avatars WHERE user_id = $1 AND hash = $2 AND size = $3 AND format = $4",
    [scope.userId, picture.hash, picture.size, picture.format],
  );
  return rows[0]?.content ?? null;
}
