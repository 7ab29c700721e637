import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The installation's key: MUSTER_SECRET_KEY, else the file `secret.key` of the data folder, made on first use. Whoever
 * loses it loses the stored provider keys, and nothing else.
 */
export function installationKey(dataDir: string, configured: string | null): Buffer {
  if (configured !== null) return Buffer.from(configured, "utf8");
  const path = join(dataDir, "secret.key");
  try {
    // `wx`: of two processes that start together, one writes and the other reads.
    writeFileSync(path, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  const key = Buffer.from(readFileSync(path, "utf8").trim(), "base64");
  if (key.length !== 32) {
    throw new Error(
      `${path} is damaged: it must hold 32 bytes in base64. Restore it from a backup, or set MUSTER_SECRET_KEY.`,
    );
  }
  return key;
}
