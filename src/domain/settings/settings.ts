import type { InstallationSettings, UpdateSettingsBody } from "#contracts";
import type { Queryable } from "#db";
import type { Scope } from "../store.ts";

interface SettingsRow {
  journal_days: number;
  database_bytes: number;
  journal_bytes: number;
  message_bytes: number;
  usage_bytes: number;
  attachment_bytes: number;
  total: number;
  compacted: number;
  due: number;
}

const size = (...tables: string[]) =>
  `(${tables.map((table) => `pg_total_relation_size('${table}')`).join(" + ")})::bigint`;

/** Settings of the installation with the room it takes. For the owner: the route's policy sees to that. */
export async function readSettings(db: Queryable, _scope: Scope): Promise<InstallationSettings> {
  const { rows } = await db.query<SettingsRow>(
    "settings_read",
    `SELECT i.journal_days, pg_database_size(current_database())::bigint AS database_bytes,
       ${size("execution_events", "llm_calls", "tool_calls")} AS journal_bytes, ${size("agent_messages")} AS message_bytes,
       ${size("llm_usage")} AS usage_bytes, ${size("task_attachments")} AS attachment_bytes, x.total, x.compacted, x.due
     FROM installation i CROSS JOIN LATERAL (
       SELECT count(*)::integer AS total, (count(*) FILTER (WHERE compacted_at IS NOT NULL))::integer AS compacted,
         (count(*) FILTER (WHERE compacted_at IS NULL AND ended_at < now() - make_interval(days => i.journal_days)))::integer AS due
       FROM task_executions) x`,
  );
  const row = rows[0] as SettingsRow;
  return {
    journalDays: row.journal_days,
    storage: {
      databaseBytes: row.database_bytes,
      journalBytes: row.journal_bytes,
      messageBytes: row.message_bytes,
      usageBytes: row.usage_bytes,
      attachmentBytes: row.attachment_bytes,
    },
    executions: { total: row.total, compacted: row.compacted, due: row.due },
  };
}

/** Changes settings of the installation. What was compacted already does not come back. */
export async function updateSettings(
  db: Queryable,
  scope: Scope,
  body: UpdateSettingsBody,
): Promise<InstallationSettings> {
  await db.query("settings_update", "UPDATE installation SET journal_days = $1", [body.journalDays]);
  return readSettings(db, scope);
}
