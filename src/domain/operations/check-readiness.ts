import type { Queryable } from "#db";

/** Whether the database answers a trivial statement; `detail` says why not. */
export async function checkDatabase(db: Queryable): Promise<{ ok: boolean; detail?: string }> {
  try {
    await db.query("ready", "SELECT 1");
    return { ok: true };
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
