import { uuidv7 } from "#db";
import type { Scope, Store } from "../store.ts";

/** The id of the user's oldest project with this name, made when there is none. */
export function ensureProject(db: Store, scope: Scope, name: string): Promise<string> {
  return db.transaction(async (transaction) => {
    // Two at the same moment must not make two.
    await transaction.query("user_lock", "SELECT id FROM users WHERE id = $1 FOR UPDATE", [scope.userId]);
    const { rows } = await transaction.query<{ id: string }>(
      "project_by_name",
      "SELECT id FROM projects WHERE user_id = $1 AND name = $2 ORDER BY id LIMIT 1",
      [scope.userId, name],
    );
    if (rows[0]) return rows[0].id;
    const id = uuidv7();
    await transaction.query("project_create_named", "INSERT INTO projects (id, user_id, name) VALUES ($1, $2, $3)", [
      id,
      scope.userId,
      name,
    ]);
    return id;
  });
}
