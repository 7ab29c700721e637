import { type AvatarBody, type Squad, sizeLimits, type User } from "#contracts";
import { readSquad } from "../squads/index.ts";
import { notFound, type Refusal, type Scope, type Store, type Transaction } from "../store.ts";
import { readUser } from "../users/index.ts";
import type { AvatarEncoder, EncodedAvatar } from "./encode-avatar.ts";

// Base64 with padding (RFC 4648, section 4). `Buffer.from` would skip what it does not know.
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Gives the caller a picture, or with null takes it away. */
export async function changeOwnAvatar(
  db: Store,
  scope: Scope,
  upload: AvatarBody | null,
  encode: AvatarEncoder,
): Promise<{ outcome: "ok"; user: User } | Refusal> {
  const encoded = await encodeUpload(upload, encode);
  if (encoded.outcome !== "ok") return encoded;
  return db.transaction(async (transaction) => {
    await keepPictures(transaction, scope, encoded.avatar);
    await transaction.query("user_avatar", "UPDATE users SET avatar_key = $2 WHERE id = $1", [
      scope.userId,
      encoded.avatar?.key ?? null,
    ]);
    await dropUnused(transaction, scope);
    const user = await readUser(transaction, scope);
    return user ? { outcome: "ok", user } : notFound("user");
  });
}

/**
 * Gives a member a picture, or with null takes it away. `updatedAt` of the squad stays: what is edited in the builder
 * meanwhile is not out of date by it.
 */
export async function changeMemberAvatar(
  db: Store,
  scope: Scope,
  ids: { squadId: string; squadMemberId: string },
  upload: AvatarBody | null,
  encode: AvatarEncoder,
): Promise<{ outcome: "ok"; squad: Squad } | Refusal> {
  // Asked first: a stranger's upload is not worth decoding.
  const present = await readSquad(db, scope, ids.squadId);
  if (!present) return notFound("squad");
  if (!present.members.some((member) => member.id === ids.squadMemberId)) return notFound("member of this squad");
  const encoded = await encodeUpload(upload, encode);
  if (encoded.outcome !== "ok") return encoded;
  return db.transaction(async (transaction) => {
    await keepPictures(transaction, scope, encoded.avatar);
    const { rowCount } = await transaction.query(
      "squad_member_avatar",
      `UPDATE squad_members m SET avatar_key = $4 FROM squads s
       WHERE m.id = $3 AND m.squad_id = $2 AND s.id = m.squad_id AND s.user_id = $1`,
      [scope.userId, ids.squadId, ids.squadMemberId, encoded.avatar?.key ?? null],
    );
    if (rowCount === 0) return notFound("member of this squad");
    await dropUnused(transaction, scope);
    const squad = await readSquad(transaction, scope, ids.squadId);
    return squad ? { outcome: "ok", squad } : notFound("squad");
  });
}

async function encodeUpload(
  upload: AvatarBody | null,
  encode: AvatarEncoder,
): Promise<{ outcome: "ok"; avatar: EncodedAvatar | null } | Refusal> {
  if (upload === null) return { outcome: "ok", avatar: null };
  const { imageBase64 } = upload;
  if (imageBase64.length % 4 !== 0 || !base64.test(imageBase64)) {
    return { outcome: "validation_failed", detail: "imageBase64: is not base64 with padding." };
  }
  const bytes = Buffer.from(imageBase64, "base64");
  if (bytes.length > sizeLimits.avatarBytes) {
    return {
      outcome: "payload_too_large",
      detail: `The picture has ${bytes.length} bytes; at most ${sizeLimits.avatarBytes} are allowed.`,
    };
  }
  return encode(bytes);
}

async function keepPictures(transaction: Transaction, scope: Scope, avatar: EncodedAvatar | null): Promise<void> {
  if (!avatar) return;
  const { hash, pictures } = avatar;
  await transaction.query(
    "avatar_put",
    `INSERT INTO avatars (user_id, hash, size, format, content)
     SELECT $1, $2, p.size, p.format, p.content FROM unnest($3::integer[], $4::text[], $5::bytea[]) AS p(size, format, content)
     ON CONFLICT DO NOTHING`,
    [
      scope.userId,
      hash,
      pictures.map((one) => one.size),
      pictures.map((one) => one.format),
      pictures.map((one) => one.content),
    ],
  );
}

/** Deletes pictures that neither the user nor a member of theirs shows any more, also those of deleted squads. */
async function dropUnused(transaction: Transaction, scope: Scope): Promise<void> {
  await transaction.query(
    "avatar_sweep",
    `DELETE FROM avatars a WHERE a.user_id = $1
       AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = $1 AND starts_with(u.avatar_key, a.hash || '.'))
       AND NOT EXISTS (SELECT 1 FROM squad_members m JOIN squads s ON s.id = m.squad_id
         WHERE s.user_id = $1 AND starts_with(m.avatar_key, a.hash || '.'))`,
    [scope.userId],
  );
}
