import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A new folder that other users may pass through: an embedded PostgreSQL started by root runs as another user, and would keep
 * its files outside, where nobody takes them away.
 */
export function benchFolder(name: string): string {
  const path = mkdtempSync(join(tmpdir(), `muster-${name}-`));
  chmodSync(path, 0o755);
  return path;
}
