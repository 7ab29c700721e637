import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { Agent } from "undici";
import type { BenchMuster, Cost } from "../support/start-bench-muster.ts";
import { upstreamOwners } from "../support/start-upstream.ts";

export interface ExecutionsResult {
  perSecond: number;
  p50Ms: number;
  p95Ms: number;
  /** From acceptance to the first step's start, by the database's clock. */
  firstStepP50Ms: number;
  firstStepP99Ms: number;
  /** CPU per execution. */
  cost: Cost;
  growthBytes: number;
  peakMemoryBytes: number;
  failed: number;
  ids: string[];
}

/** Sends JSON as the owner and reads JSON. */
export function apiOf(muster: BenchMuster) {
  const agent = new Agent({ connections: 256 });
  return async <Body>(method: "GET" | "POST", path: string, body?: unknown): Promise<Body> => {
    const response = await agent.request({
      origin: muster.url ?? "",
      path,
      method,
      headers: {
        authorization: `Bearer ${muster.apiKey}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 300)}`);
    return JSON.parse(text) as Body;
  };
}

export type Api = ReturnType<typeof apiOf>;

/** A squad of a lead and three members on the bench's provider; returns its id. */
export async function createBenchSquad(
  api: Api,
  process: "lead" | "sequential",
  members: readonly string[] = upstreamOwners,
): Promise<string> {
  const { squad } = await api<{ squad: { id: string } }>("POST", "/api/v1/squads", {
    name: `Bench ${Math.random().toString(36).slice(2)}`,
    process,
    members: [
      { name: "Lead", role: "project-manager", model: "bench", isLead: true },
      ...members.map((name) => ({ name, role: "analyst", model: "bench", tools: [] })),
    ],
  });
  return squad.id;
}

/** Makes a task and starts an execution of it; returns the execution's id. */
export async function startExecution(api: Api, squadId: string): Promise<string> {
  const { task } = await api<{ task: { id: string } }>("POST", "/api/v1/tasks", {
    title: "Bench",
    description: "Work.",
    squadId,
  });
  const { execution } = await api<{ execution: { id: string } }>("POST", `/api/v1/tasks/${task.id}/executions`, {});
  return execution.id;
}

const pollMs = 10;

/** Plays `executions` with so many at once. Their ends are found by one small query every 10 ms. */
export async function runExecutions(options: {
  muster: BenchMuster;
  squadId: string;
  executions: number;
  concurrency: number;
}): Promise<ExecutionsResult> {
  const { muster, squadId } = options;
  const api = apiOf(muster);
  const client = new pg.Client({ connectionString: muster.databaseUrl });
  await client.connect();
  const tasks: string[] = [];
  const create = async () => {
    while (tasks.length < options.executions) {
      const place = tasks.push("") - 1;
      const { task } = await api<{ task: { id: string } }>("POST", "/api/v1/tasks", {
        title: `Bench ${place}`,
        description: "Work.",
        squadId,
      });
      tasks[place] = task.id;
    }
  };
  await Promise.all(Array.from({ length: 8 }, create));
  const size = async () =>
    Number((await client.query<{ size: string }>("SELECT pg_database_size(current_database()) AS size")).rows[0]?.size);
  const sizeBefore = await size();
  const waiting = new Map<string, () => void>();
  const ids: string[] = [];
  let running = true;
  let peakMemoryBytes = 0;
  const poll = async () => {
    for (let turn = 0; running; turn++) {
      if (turn % 100 === 0) peakMemoryBytes = Math.max(peakMemoryBytes, muster.memoryBytes());
      const { rows } = await client.query<{ id: string }>({
        name: "ended",
        text: "SELECT id FROM task_executions WHERE id = ANY($1::uuid[]) AND ended_at IS NOT NULL",
        values: [[...waiting.keys()]],
      });
      for (const { id } of rows) {
        waiting.get(id)?.();
        waiting.delete(id);
      }
      await sleep(pollMs);
    }
  };
  let next = 0;
  const lane = async () => {
    while (next < tasks.length) {
      const taskId = tasks[next++];
      const { execution } = await api<{ execution: { id: string } }>("POST", `/api/v1/tasks/${taskId}/executions`, {});
      ids.push(execution.id);
      await new Promise<void>((resolve) => waiting.set(execution.id, resolve));
    }
  };
  const before = await muster.cost();
  const began = performance.now();
  const polling = poll();
  await Promise.all(Array.from({ length: options.concurrency }, lane));
  const seconds = (performance.now() - began) / 1000;
  running = false;
  await polling;
  const after = await muster.cost();
  const { rows } = await client.query<{ took: number; first: number; status: string }>(
    `SELECT extract(epoch FROM e.ended_at - e.created_at)::float8 * 1000 AS took, e.status,
       extract(epoch FROM (SELECT min(s.started_at) FROM execution_steps s WHERE s.execution_id = e.id) - e.created_at)::float8 * 1000 AS first
     FROM task_executions e WHERE e.id = ANY($1::uuid[])`,
    [ids],
  );
  const growthBytes = ((await size()) - sizeBefore) / options.executions;
  await client.end();
  const sorted = (pick: (row: { took: number; first: number }) => number) => rows.map(pick).sort((a, b) => a - b);
  const at = (values: number[], q: number) =>
    values[Math.min(values.length - 1, Math.floor(q * values.length))] ?? Number.NaN;
  const took = sorted((row) => row.took);
  const first = sorted((row) => row.first);
  return {
    perSecond: options.executions / seconds,
    p50Ms: at(took, 0.5),
    p95Ms: at(took, 0.95),
    firstStepP50Ms: at(first, 0.5),
    firstStepP99Ms: at(first, 0.99),
    cost: {
      nodeMs: (after.nodeMs - before.nodeMs) / options.executions,
      postgresMs: (after.postgresMs - before.postgresMs) / options.executions,
    },
    growthBytes,
    peakMemoryBytes,
    failed: rows.filter((row) => row.status !== "completed").length,
    ids,
  };
}
