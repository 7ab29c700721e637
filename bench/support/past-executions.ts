import pg from "pg";

/** Adds ended executions, spread over all tasks that have one, until so many are there; returns how many there are. */
export async function addPastExecutions(databaseUrl: string, wanted: number): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(
    `INSERT INTO task_executions (id, user_id, task_id, squad_id, status, end_reason, squad_snapshot_id, task, epoch, llm_calls,
       input_tokens, output_tokens, cost_nano_usd, worked_ms, queued_at, created_at, started_at, ended_at)
     SELECT gen_random_uuid(), x.user_id, x.task_id, x.squad_id, 'completed', 'done', x.squad_snapshot_id, x.task, 1, 5,
       6000, 1500, 1800000, 420000, x.queued_at, x.created_at, x.started_at, x.ended_at
     FROM (SELECT *, count(*) OVER () AS present FROM task_executions WHERE status = 'completed') x
     CROSS JOIN LATERAL generate_series(1, 1 + ($1 - x.present) / x.present) n
     LIMIT greatest(0, $1::bigint - (SELECT count(*) FROM task_executions))`,
    [wanted],
  );
  const { rows } = await client.query<{ n: number }>("SELECT count(*)::int AS n FROM task_executions");
  await client.end();
  return rows[0]?.n ?? 0;
}
