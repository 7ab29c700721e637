import pg from "pg";

export interface FloorResult {
  perSecond: number;
  p50Ms: number;
  p95Ms: number;
  nodeMs: number;
  /** Of the table and its index, for each execution. */
  growthBytes: number;
}

/** One call with the platform's own `fetch`, its stream read to the end. */
async function call(baseUrl: string, schema: boolean): Promise<string> {
  const response = await fetch(`${baseUrl}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "bench",
      stream: true,
      messages: [{ role: "user", content: "Work." }],
      ...(schema ? { response_format: { type: "json_schema" } } : {}),
    }),
  });
  return response.text();
}

/**
 * The least that the same work can cost: five calls (one, three at once, one) and one insert for the execution and each
 * call, every one a commit of its own that is synced to disk. No retries, no events, no budget, no recovery.
 */
export async function runExecutionFloor(options: {
  databaseUrl: string;
  baseUrl: string;
  executions: number;
  concurrency: number;
}): Promise<FloorResult> {
  const pool = new pg.Pool({ connectionString: options.databaseUrl, max: 20 });
  await pool.query(
    "CREATE TABLE IF NOT EXISTS bench_floor (id bigserial PRIMARY KEY, execution bigint, content text, at timestamptz DEFAULT now())",
  );
  const insert = (execution: number, content: string) =>
    pool.query({
      name: "floor",
      text: "INSERT INTO bench_floor (execution, content) VALUES ($1, $2)",
      values: [execution, content],
    });
  const durations: number[] = [];
  let next = 0;
  const lane = async () => {
    while (next < options.executions) {
      const execution = next++;
      const began = performance.now();
      await insert(execution, "start");
      await insert(execution, await call(options.baseUrl, true));
      await Promise.all([0, 1, 2].map(async () => insert(execution, await call(options.baseUrl, false))));
      await insert(execution, await call(options.baseUrl, false));
      durations.push(performance.now() - began);
    }
  };
  const cpu = process.cpuUsage();
  const began = performance.now();
  await Promise.all(Array.from({ length: options.concurrency }, lane));
  const seconds = (performance.now() - began) / 1000;
  const used = process.cpuUsage(cpu);
  const { rows } = await pool.query<{ bytes: number }>("SELECT pg_total_relation_size('bench_floor')::int AS bytes");
  await pool.query("DROP TABLE bench_floor");
  await pool.end();
  durations.sort((a, b) => a - b);
  const at = (q: number) => durations[Math.min(durations.length - 1, Math.floor(q * durations.length))] ?? Number.NaN;
  return {
    perSecond: options.executions / seconds,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    nodeMs: (used.user + used.system) / 1000 / options.executions,
    growthBytes: (rows[0]?.bytes ?? Number.NaN) / options.executions,
  };
}
