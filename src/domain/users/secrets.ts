import { createHash, randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";

/** OWASP's first recommendation for argon2id: 19 MiB, two passes, one lane. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Hash of a random password nobody has; unknown users are checked against it so that they take as long as known ones. */
const nobodysHash = "$argon2id$v=19$m=19456,t=2,p=1$oP/d95Ixw3RuMdzy3ManRw$Ug/jSCk8CyhU7HUoMxZulugpBzvnUnlqt28KHz7P2T0";

/** Hashes a password with argon2id. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, cost);
}

/** True when the password matches. With `stored` null (unknown user) it takes as long and is false. */
export async function verifyPassword(stored: string | null, password: string): Promise<boolean> {
  const matches = await verify(stored ?? nobodysHash, password);
  return matches && stored !== null;
}

/** SHA-256 of a token: tokens have 256 random bits, so a fast hash is enough and nothing usable is stored. */
export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** A new random token of 256 bits, in base64url after the prefix. */
export function newToken(prefix = ""): string {
  return prefix + randomBytes(32).toString("base64url");
}
