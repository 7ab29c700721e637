import { type Database, encodeCursor, openDatabase, seed, seedId } from "#db";
import { createApiKey } from "#domain";
import { type HttpLoad, type LoadRequest, startHttpLoad } from "../harness/http-load.ts";
import { type BenchRow, judged, round } from "../harness/row.ts";
import { apiOf, createBenchSquad, runExecutions } from "../harness/run-executions.ts";
import { cpuOfFamily } from "../support/process-cost.ts";
import { type BenchMuster, startBenchMuster } from "../support/start-bench-muster.ts";
import { startUpstream } from "../support/start-upstream.ts";

const group = "Cost as work grows";
/** Messages in all. */
const quickSizes = [1_000, 20_000];
const fullSizes = [1_000, 100_000, 1_000_000, 5_000_000];

/** One kind of work at one size: the middle one's time, and the CPU of Node and PostgreSQL for each. */
interface Figure {
  p50Ms: number;
  cpuMs: number;
}

const titles = {
  newest: "newest page of ~48 messages of the longest execution",
  oldest: "oldest page of ~36 messages of the longest execution",
  squads: "list of ~20 squads with their members, 100 users",
  execution: "one execution of 5 LLM calls, alone",
} as const;
type Kind = keyof typeof titles;
type Figures = Record<Kind, Figure>;

/**
 * What may lie between two equal runs on a machine with neighbours, with CPU counted in ticks of 10 ms. A scan would be a factor of 5,000.
 */
const flatWithin = 1.35;
const pageStarts = 40;
const users = 100;
const executionsPerRun = 25;

interface World {
  muster: BenchMuster;
  load: HttpLoad;
  db: Database;
  squadId: string;
}

/** What is asked at one size. Nothing is asked for twice, so that nothing comes from a cache. */
interface Questions {
  newest: LoadRequest[];
  oldest: LoadRequest[];
  squads: LoadRequest[];
}

/** Adds a history with users of its own until so many messages are there, and returns the name of its seed. */
async function growTo({ db }: World, messages: number): Promise<string> {
  const { rows } = await db.pool.query<{ n: number }>("SELECT count(*) AS n FROM agent_messages");
  const missing = messages - (rows[0]?.n ?? 0);
  const owner = { email: `growth-${messages}@example.org`, name: "Growth", passwordHash: "!" };
  const { name } = await seed(db, { messages: missing, owner });
  return name;
}

/** What autovacuum would do while it is measured is done before, as in a history that grew in months. */
async function settle(db: Database): Promise<void> {
  await db.pool.query("VACUUM (ANALYZE)");
  await db.pool.query("CHECKPOINT");
}

function readsOf(key: string, paths: string[]): LoadRequest[] {
  const headers = { authorization: `Bearer ${key}`, "accept-encoding": "identity" };
  return paths.map((path) => ({ path, headers }));
}

/** The longest execution is the first of its seed, with a tenth of its messages. `turn` keeps the questions of two turns apart. */
async function questionsOf({ db }: World, seedName: string, turn: number): Promise<Questions> {
  const executionId = seedId(seedName, "execution", 0);
  const { rows: owners } = await db.pool.query<{ user_id: string }>(
    "SELECT user_id FROM task_executions WHERE id = $1",
    [executionId],
  );
  const key = (await createApiKey(db, { userId: owners[0]?.user_id ?? "" }, "growth")).token;
  // At the far end the pages begin where just a whole one is left.
  const starts = async (order: "ASC" | "DESC", offset: number) => {
    const { rows } = await db.pool.query<{ id: string }>(
      `SELECT id FROM agent_messages WHERE task_execution_id = $1 ORDER BY id ${order} LIMIT ${pageStarts} OFFSET ${offset}`,
      [executionId],
    );
    return rows.map(({ id }) => encodeCursor(id));
  };
  // At the smallest size both ends share starts: the lengths differ, so that no page is asked for twice.
  const pages = (cursors: string[], longest: number) =>
    [0, 1, 2, 3, 4, 5].flatMap((shorter) =>
      cursors.map(
        (cursor) => `/api/v1/executions/${executionId}/messages?limit=${longest - turn * 6 - shorter}&cursor=${cursor}`,
      ),
    );
  const squads: LoadRequest[] = [];
  for (let user = 0; user < users; user++) {
    const token = (await createApiKey(db, { userId: seedId(seedName, "user", user) }, "growth")).token;
    const pageSizes = [20, 19, 18].map((size) => size - turn * 3);
    squads.push(
      ...readsOf(
        token,
        pageSizes.map((size) => `/api/v1/squads?page=1&pageSize=${size}`),
      ),
    );
  }
  return {
    newest: readsOf(key, pages(await starts("DESC", 0), 50)),
    oldest: readsOf(key, pages(await starts("ASC", 50), 38)),
    squads,
  };
}

async function timed({ muster, load }: World, requests: LoadRequest[]): Promise<Figure> {
  const cpu = () => cpuOfFamily(muster.pid) + (muster.postgresPid === null ? 0 : cpuOfFamily(muster.postgresPid));
  const before = cpu();
  const result = await load.run({ origin: muster.url ?? "", requests, connections: 1, once: true, warmUpMs: 0 });
  if (result.failed > 0) throw new Error(`${result.failed} of ${result.requests}: ${JSON.stringify(result.statuses)}`);
  return { p50Ms: result.p50Ms, cpuMs: (cpu() - before) / result.requests };
}

async function measureAt(world: World, questions: Questions): Promise<Figures> {
  const { muster, squadId } = world;
  const ran = await runExecutions({ muster, squadId, executions: executionsPerRun, concurrency: 1 });
  if (ran.failed > 0) throw new Error(`${ran.failed} executions failed`);
  return {
    newest: await timed(world, questions.newest),
    oldest: await timed(world, questions.oldest),
    squads: await timed(world, questions.squads),
    execution: { p50Ms: ran.p50Ms, cpuMs: ran.cost.nodeMs + ran.cost.postgresMs },
  };
}

function rowsOf(bySize: readonly { messages: number; figures: Figures }[]): BenchRow[] {
  const [smallest] = bySize;
  if (smallest === undefined) return [];
  const shown = ({ p50Ms, cpuMs }: Figure) => `${round(p50Ms)} ms, ${round(cpuMs)} ms CPU`;
  return bySize.slice(1).flatMap(({ messages, figures }) =>
    (Object.keys(titles) as Kind[]).map((kind) => {
      const [small, here] = [smallest.figures[kind], figures[kind]];
      const ratio = here.cpuMs / small.cpuMs;
      return judged(
        {
          group,
          metric: `${titles[kind]}: at ${messages.toLocaleString("en-US")} messages against ${smallest.messages.toLocaleString("en-US")}`,
          floor: shown(small),
          target: `flat (CPU ≤ ${flatWithin} ×)`,
          figure: `${round(ratio)} ×: ${shown(here)}`,
          note: `p50 ${round(here.p50Ms / small.p50Ms)} ×`,
        },
        ratio <= flatWithin,
      );
    }),
  );
}

/** The table "Cost as work grows": the same questions in one database that is filled up from size to size. */
export async function growthTable(options: { full: boolean; log: (line: string) => void }): Promise<BenchRow[]> {
  const upstream = await startUpstream(0);
  const muster = await startBenchMuster({ env: { OPENAI_BASE_URL: upstream.baseUrl, OPENAI_API_KEY: "bench" } });
  const load = startHttpLoad();
  const pool = { poolMin: 1, poolMax: 2, idleTimeoutMs: 1_000, connectionTimeoutMs: 5_000, slowQueryMs: 600_000 };
  const db = await openDatabase({ url: muster.databaseUrl, ...pool });
  try {
    const world: World = { muster, load, db, squadId: await createBenchSquad(apiOf(muster), "lead") };
    const bySize: { messages: number; figures: Figures }[] = [];
    for (const messages of options.full ? fullSizes : quickSizes) {
      options.log(`Growth: to ${messages.toLocaleString("en-US")} messages`);
      const name = await growTo(world, messages);
      await settle(db);
      // The first turn compiles and fills the buffers, as a running installation has them.
      await measureAt(world, await questionsOf(world, name, 1));
      bySize.push({ messages, figures: await measureAt(world, await questionsOf(world, name, 0)) });
    }
    return rowsOf(bySize);
  } finally {
    await db.close();
    load.close();
    await muster.stop();
    upstream.close();
  }
}
