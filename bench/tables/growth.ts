import { type Database, encodeCursor, openDatabase, seed, seedId } from "#db";
import { createApiKey } from "#domain";
import { type HttpLoad, type LoadRequest, startHttpLoad } from "../harness/http-load.ts";
import { type BenchRow, judged, median, round } from "../harness/row.ts";
import { apiOf, createBenchSquad, runExecutions } from "../harness/run-executions.ts";
import { addPastExecutions } from "../support/past-executions.ts";
import { cpuOfFamily } from "../support/process-cost.ts";
import { settle } from "../support/seed-data.ts";
import { type BenchMuster, startBenchMuster } from "../support/start-bench-muster.ts";
import { startUpstream } from "../support/start-upstream.ts";

const group = "Cost as work grows";
/** Messages in all. */
const smallSize = 1_000;
const quickSizes = [20_000];
const fullSizes = [100_000, 1_000_000, 5_000_000];
/** Past executions of the largest size. */
const mostExecutions = 100_000;

/** One kind of work at one size: the middle one's time, and the CPU of Node and PostgreSQL for each. */
interface Figure {
  p50Ms: number;
  cpuMs: number;
}

const titles = {
  newest: "newest page of ~40 messages of the longest execution",
  oldest: "oldest page of ~28 messages of the longest execution",
  squads: "list of ~20 squads with their members, 100 users",
  execution: "one execution of 5 LLM calls, alone",
} as const;
type Kind = keyof typeof titles;
type Figures = Record<Kind, Figure>;

/** What may lie between two equal runs on a machine with neighbours, with CPU counted in ticks of 10 ms. A scan would be a factor of 5,000. */
const flatWithin = 1.35;
const pageStarts = 40;
const users = 100;
const executionsPerRun = 25;
/** The first, which compiles and fills the buffers, does not count. */
const turns = 4;

interface World {
  muster: BenchMuster;
  load: HttpLoad;
  db: Database;
  squadId: string;
  close(): Promise<void>;
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

function readsOf(key: string, paths: string[]): LoadRequest[] {
  const headers = { authorization: `Bearer ${key}`, "accept-encoding": "identity" };
  return paths.map((path) => ({ path, headers }));
}

/** The longest execution is the first of its seed, with a tenth of its messages. `turn` keeps the questions of the turns apart. */
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
    [0, 1, 2, 3, 4].flatMap((shorter) =>
      cursors.map(
        (cursor) => `/api/v1/executions/${executionId}/messages?limit=${longest - turn * 5 - shorter}&cursor=${cursor}`,
      ),
    );
  const squads: LoadRequest[] = [];
  for (let user = turn; user < users; user += turns) {
    const token = (await createApiKey(db, { userId: seedId(seedName, "user", user) }, "growth")).token;
    squads.push(
      ...readsOf(
        token,
        [22, 21, 20, 19, 18, 17].map((size) => `/api/v1/squads?page=1&pageSize=${size}`),
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

/** The middle one of each figure by itself. */
function middleOf(all: readonly Figures[]): Figures {
  const middle = (kind: Kind): Figure => ({
    p50Ms: median(all.map((figures) => figures[kind].p50Ms)),
    cpuMs: median(all.map((figures) => figures[kind].cpuMs)),
  });
  return {
    newest: middle("newest"),
    oldest: middle("oldest"),
    squads: middle("squads"),
    execution: middle("execution"),
  };
}

function rowsOf(messages: number, small: Figures, large: Figures, past: number): BenchRow[] {
  const shown = ({ p50Ms, cpuMs }: Figure) => `${round(p50Ms)} ms, ${round(cpuMs)} ms CPU`;
  return (Object.keys(titles) as Kind[]).map((kind) => {
    const cpuTimes = large[kind].cpuMs / small[kind].cpuMs;
    const p50Times = large[kind].p50Ms / small[kind].p50Ms;
    return judged(
      {
        group,
        metric: `${titles[kind]}: at ${count(messages)} messages against ${count(smallSize)}`,
        floor: shown(small[kind]),
        target: `flat (p50 and CPU ≤ ${flatWithin} ×)`,
        figure: `${round(p50Times)} ×, CPU ${round(cpuTimes)} ×: ${shown(large[kind])}`,
        note: `${count(past)} past executions; ${turns - 1} turns of each, one after the other`,
      },
      cpuTimes <= flatWithin && p50Times <= flatWithin,
    );
  });
}

const count = (number: number) => number.toLocaleString("en-US");

async function openWorld(upstreamUrl: string): Promise<World> {
  const muster = await startBenchMuster({ env: { OPENAI_BASE_URL: upstreamUrl, OPENAI_API_KEY: "bench" } });
  const load = startHttpLoad();
  const pool = { poolMin: 1, poolMax: 2, idleTimeoutMs: 1_000, connectionTimeoutMs: 5_000, slowQueryMs: 600_000 };
  const db = await openDatabase({ url: muster.databaseUrl, ...pool });
  return {
    muster,
    load,
    db,
    squadId: await createBenchSquad(apiOf(muster), "lead"),
    async close() {
      await db.close();
      load.close();
      await muster.stop();
    },
  };
}

/** The same questions to a small installation and to one that has grown, in turn: what the hour does to one it does to both. */
async function compareAt(messages: number, grown: World, upstreamUrl: string): Promise<BenchRow[]> {
  const largeName = await growTo(grown, messages);
  const past = await addPastExecutions(grown.muster.databaseUrl, messages === fullSizes.at(-1) ? mostExecutions : 0);
  await settle(grown.db);
  const small = await openWorld(upstreamUrl);
  try {
    const smallName = await growTo(small, smallSize);
    await settle(small.db);
    const taken: { small: Figures; large: Figures }[] = [];
    for (let turn = 0; turn < turns; turn++) {
      taken.push({
        small: await measureAt(small, await questionsOf(small, smallName, turn)),
        large: await measureAt(grown, await questionsOf(grown, largeName, turn)),
      });
    }
    const counted = taken.slice(1);
    return rowsOf(
      messages,
      middleOf(counted.map((both) => both.small)),
      middleOf(counted.map((both) => both.large)),
      past,
    );
  } finally {
    await small.close();
  }
}

/** The table "Cost as work grows": one database that is filled up from size to size, beside a small one. */
export async function growthTable(options: { full: boolean; log: (line: string) => void }): Promise<BenchRow[]> {
  const upstream = await startUpstream(0);
  const grown = await openWorld(upstream.baseUrl);
  try {
    const rows: BenchRow[] = [];
    for (const messages of options.full ? fullSizes : quickSizes) {
      options.log(`Growth: to ${count(messages)} messages`);
      rows.push(...(await compareAt(messages, grown, upstream.baseUrl)));
    }
    return rows;
  } finally {
    await grown.close();
    upstream.close();
  }
}
