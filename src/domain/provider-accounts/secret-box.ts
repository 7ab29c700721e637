import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const nonceBytes = 12;
const tagBytes = 16;

/**
 * Encrypts small secrets at rest: AES-256-GCM, stored as nonce || ciphertext || tag. `boundTo` is authenticated with it,
 * so that a secret copied to another row cannot be opened there.
 */
export interface SecretBox {
  seal(secret: string, boundTo: string): Buffer;
  /** @throws when the key is another or the bytes were changed. */
  open(sealed: Buffer, boundTo: string): string;
}

/** A box whose AES key is derived from the installation's key (HKDF-SHA-256, RFC 5869). */
export function createSecretBox(installationKey: string | Buffer, purpose = "provider accounts"): SecretBox {
  const key = Buffer.from(hkdfSync("sha256", installationKey, "muster", purpose, 32));
  return {
    seal(secret, boundTo) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
      cipher.setAAD(Buffer.from(boundTo));
      return Buffer.concat([nonce, cipher.update(secret, "utf8"), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, boundTo) {
      const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(Buffer.from(boundTo));
      decipher.setAuthTag(sealed.subarray(-tagBytes));
      const plain = Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
      return plain.toString("utf8");
    },
  };
}
