import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { Redis } from "ioredis";
import { createInvalidationBus, createTagHistory, type InvalidationBus } from "#cache";
import { createNotifier, openDatabase, openListener } from "#db";
import { createSecretBox, type ExecutionHints } from "#domain";
import { createEventHub, type EventHub } from "#events";
import { createAnswerCache, createApp, createSecondLevel, type HttpDependencies, type ModelGateway } from "#http";
import { createCallContext, createLogger, createMetrics } from "#metrics";
import { createTestDatabase, type TestDatabase } from "./database.ts";

/** The HTTP server on a real database, with a scripted model behind the gateway. */
export interface TestApi {
  app: FastifyInstance;
  database: TestDatabase;
  deps: HttpDependencies;
  events: EventHub;
  /** Hints that handlers sent, in order. */
  hints: string[];
  /** Lines the server logged as warnings or worse. */
  logged: string[];
  bus: InvalidationBus;
  /** Server process of the connection that listens, to be broken by tests. */
  listenerPid: number;
  close(): Promise<void>;
}

export interface TestApiOptions {
  deps?: Partial<HttpDependencies>;
  beside?: TestApi;
  /** A database that is there; absent: one of its own. */
  database?: TestDatabase;
  /** Room for kept answers, in bytes. */
  cacheBytes?: number;
  /** Answers are kept there too. */
  redisUrl?: string | undefined;
}

/** Another pool on the database of an API, as another process would have. */
async function joinTestDatabase(other: TestApi): Promise<TestDatabase> {
  const db = await openDatabase({
    url: other.database.url,
    poolMin: 1,
    poolMax: 10,
    idleTimeoutMs: 10_000,
    connectionTimeoutMs: 10_000,
    slowQueryMs: 1_000,
  });
  return { url: other.database.url, db, drop: () => db.close() };
}

/** The newest listening connection is the one just opened. */
async function listenerPid({ db }: TestDatabase): Promise<number> {
  const { rows } = await db.pool.query(
    `SELECT pid FROM pg_stat_activity WHERE application_name = 'muster-listen' AND datname = current_database()
     ORDER BY backend_start DESC LIMIT 1`,
  );
  return rows[0].pid;
}

/** A model that repeats the last message word by word. */
export function echoGateway(): ModelGateway {
  return {
    async call({ request, context }, onFrame) {
      if (request.model === "test/broken") throw new Error("the socket broke");
      const text = `You said: ${request.messages.at(-1)?.content ?? ""}`;
      for (const word of text.split(/(?<= )/)) {
        context.signal.throwIfAborted();
        onFrame({ type: "text", text: word });
      }
      const usage = { inputTokens: 7, cacheReadTokens: 2, cacheWriteTokens: 0, outputTokens: 5, reasoningTokens: 0 };
      return {
        text,
        reasoning: "",
        toolCalls: [],
        finishReason: "stop",
        usage: { ...usage, estimated: false },
        model: request.model,
        provider: "offline",
        accountId: null,
        costNanoUsd: 1_234,
        savedNanoUsd: null,
        cacheResult: "miss",
        trimmed: null,
        attempts: 1,
        latencyMs: 1,
        timeToFirstTokenMs: 1,
        rateWaitMs: 0,
      };
    },
    embed: async ({ inputs, model }) => ({
      vectors: inputs.map((input) => [input.length, 0.5, -1]),
      model,
      usage: {
        inputTokens: inputs.length,
        cacheReadTokens: 0,
        cacheWriteTokens: 0,
        outputTokens: 0,
        reasoningTokens: 0,
        estimated: true,
      },
      costNanoUsd: 0,
    }),
    listModels: async () => [
      {
        id: "test/echo",
        name: "Echo",
        provider: "offline",
        contextTokens: 1_000,
        maxOutputTokens: 100,
        inputNanoUsdPerToken: 0,
        outputNanoUsdPerToken: null,
        available: true,
      },
    ],
    defaultModel: async () => "test/echo",
    purgeCache: async () => 0,
    testAccount: async () => [{ id: "model-a" }],
  };
}

const role = (slug: string) => ({
  slug,
  name: slug,
  summary: "",
  tools: ["read_file"],
  instructions: `You are a ${slug}.`,
});

function openTestRedis(url: string | undefined) {
  if (url === undefined) return undefined;
  const redis = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0, retryStrategy: () => 50 });
  redis.on("error", () => undefined);
  return {
    store: {
      get: (key: string) => redis.getBuffer(key),
      set: (key: string, value: Buffer, ttlMs: number) => redis.set(key, value, "PX", ttlMs),
    },
    close: () => redis.disconnect(),
  };
}

/** Starts the API on a database of its own, or beside another API on the same one. Call `close` in `after`. */
export async function startTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const database =
    options.database ?? (options.beside ? await joinTestDatabase(options.beside) : await createTestDatabase());
  const listener = await openListener(database.url, () => undefined);
  const notifier = createNotifier(database.db, () => undefined);
  const processId = randomBytes(8).toString("hex");
  let bus: InvalidationBus | undefined;
  const redis = openTestRedis(options.redisUrl);
  const history = redis && createTagHistory(() => bus?.beginEra());
  const cache = createAnswerCache({
    ...(options.cacheBytes === undefined ? {} : { maxBytes: options.cacheBytes }),
    secondLevel: redis &&
      history && { level: createSecondLevel({ store: redis.store, history, prefix: "t:" }), history },
    connect: (handlers) => {
      bus = createInvalidationBus({
        processId,
        listener,
        query: (text, values) => database.db.query("cache_notify", text, values),
        serves: true,
        history,
        onError: (error) => void errors.push(error),
        ...handlers,
      });
      return bus;
    },
  });
  const errors: unknown[] = [];
  const logged: string[] = [];
  const events = createEventHub({
    db: database.db,
    listener,
    processId,
    notify: notifier.notify,
  });
  const hints: string[] = [];
  const sendHint: ExecutionHints = {
    queued: () => hints.push("queued"),
    control: (id, wish) => hints.push(`${wish} ${id}`),
    events: (id, seq) => {
      hints.push(`events ${id} ${seq}`);
      events.announce(id, seq);
    },
  };
  const context = createCallContext();
  const deps: HttpDependencies = {
    db: database.db,
    events,
    hints: sendHint,
    gateway: echoGateway(),
    workspaces: { list: async () => [], read: async () => null },
    cache,
    metrics: createMetrics({ role: "test", context }),
    context,
    logger: createLogger({ level: "warn", context, destination: { write: (line) => void logged.push(line) } }),
    secretBox: createSecretBox("a key for tests that is long enough"),
    templates: [
      {
        slug: "pair",
        name: "A pair",
        summary: "",
        process: "lead",
        goal: "Do it together.",
        members: [
          { name: "Ada", role: "tech-lead", isLead: true },
          { name: "Bob", role: "writer", isLead: false },
        ],
      },
    ],
    roles: [role("tech-lead"), role("writer")],
    tools: [{ name: "read_file", description: "Reads", class: "pure" }],
    version: "0.0.0-test",
    webRoot: null,
    ...options.deps,
  };
  const app = await createApp(deps);
  await app.ready();
  // A process keeps answers once the others must have heard of it.
  while (!cache.usable()) await delay(20);
  return {
    app,
    database,
    deps,
    events,
    hints,
    logged,
    bus: bus as unknown as InvalidationBus,
    listenerPid: await listenerPid(database),
    close: async () => {
      await app.close();
      await events.close();
      await bus?.close();
      await listener.close();
      await notifier.close();
      redis?.close();
      await database.drop();
    },
  };
}
