import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { allTools, loadRoles, loadSquadTemplates } from "#agents";
import type { Config } from "#config";
import type { RoleTemplate, SquadTemplate } from "#contracts";
import {
  createNotifier,
  type Database,
  type EmbeddedPostgres,
  type Listener,
  migrate,
  type Notifier,
  openDatabase,
  openListener,
  startEmbeddedPostgres,
  uuidv7,
} from "#db";
import { createSecretBox, type ExecutionHints, type SecretBox } from "#domain";
import { createEventHub, type EventHub } from "#events";
import type { ModelGateway, ToolInfo, WorkspaceReader } from "#http";
import {
  type CallContext,
  createCallContext,
  createLogger,
  createMetrics,
  createTracer,
  type Logger,
  type Metrics,
  type Tracer,
} from "#metrics";
import { controlChannel, queueChannel } from "#queue";
import { createModelGateway } from "./model-gateway.ts";
import { answerStore, openRedis } from "./open-redis.ts";
import {
  accountsFromEnvironment,
  createProviderSources,
  findLocalServers,
  type ProviderSources,
} from "./provider-sources.ts";
import { installationKey } from "./secret-key.ts";
import { createSharedAnswers, type SharedAnswers } from "./shared-answers.ts";
import { type RunningWorker, startWorkerPart } from "./start-worker.ts";
import { musterVersion } from "./version.ts";
import { createWorkspaceReader } from "./workspace-reader.ts";

/** Everything that a server, a worker and a command line have in common: one database, one gateway, one hub. */
export interface Core {
  config: Config;
  /** Identity of this process among its peers. */
  processId: string;
  db: Database;
  databaseUrl: string;
  /** The embedded server, or null with DATABASE_URL. */
  embedded: EmbeddedPostgres | null;
  listener: Listener;
  notifier: Notifier;
  hub: EventHub;
  hints: ExecutionHints;
  metrics: Metrics;
  context: CallContext;
  tracer: Tracer;
  logger: Logger;
  secretBox: SecretBox;
  sources: ProviderSources;
  modelGateway: ModelGateway;
  /** A budget of this user was set: every process asks for it with its next plain call. */
  budgetsChanged(userId: string): void;
  answers: SharedAnswers;
  workspaces: WorkspaceReader;
  workspacesDir: string;
  dataDir: string;
  roles: readonly RoleTemplate[];
  templates: readonly SquadTemplate[];
  tools: readonly ToolInfo[];
  version: string;
  /** Starts to work executions in this process: all, or `only` this one. */
  startWorker(options?: { only?: string }): Promise<RunningWorker>;
  /** Closes everything in the reverse order; may be called again. */
  close(): Promise<void>;
}

export interface CoreOptions {
  role?: "all" | "api" | "worker" | "cli";
  /** Keep the log on standard error, where it does not mix with a command's output. */
  logToStderr?: boolean;
  /** The gateway's clock, epoch milliseconds; the system's when absent. */
  now?: () => number;
}

/** Channels on which processes tell each other that provider accounts or budgets of a user changed. */
const accountsChannel = "muster_accounts";
const budgetsChannel = "muster_budgets";

/**
 * Composes the parts: data folder, database (embedded unless DATABASE_URL is set; migrated), gateway, hub. The only
 * place that constructs them. Rejects with one clear error when something essential is missing; closes what it opened.
 */
export async function composeCore(config: Config, options: CoreOptions = {}): Promise<Core> {
  const role = options.role ?? config.role;
  const closers: (() => Promise<unknown>)[] = [];
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      for (const one of closers.reverse()) await one();
    })();
    return closing;
  };
  try {
    return await compose(config, role, options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function compose(
  config: Config,
  role: NonNullable<CoreOptions["role"]>,
  options: CoreOptions,
  closers: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<Core> {
  const { dataDir } = config;
  mkdirSync(dataDir, { recursive: true });
  const { context, logger, metrics, tracer } = await openObservability(config, role, options, closers);
  const { db, databaseUrl, embedded } = await openStore(config, metrics, logger, closers);
  const key = installationKey(dataDir, config.secretKey);
  const secretBox = createSecretBox(key);
  const processId = uuidv7();
  const { listener, notifier, hub } = await openHub({ db, databaseUrl, processId, metrics, logger }, closers);
  const serves = role === "all" || role === "api";
  const redis = config.redisUrl === null ? null : openRedis(config.redisUrl, logger);
  if (redis) closers.push(async () => redis.disconnect());
  const answers = createSharedAnswers({ db, listener, processId, serves, logger, store: redis && answerStore(redis) });
  closers.push(() => answers.close());
  const hints: ExecutionHints = {
    queued: () => notifier.notify(queueChannel, processId),
    control: (executionId, wish) => notifier.notify(controlChannel, `${executionId}:${wish}`),
    events: (executionId, lastSeq) => hub.announce(executionId, lastSeq),
  };
  const configured = accountsFromEnvironment(config);
  const shared = configured.length > 0 ? configured : await findLocalServers();
  const sources = createProviderSources({ db, secretBox, shared, logger });
  listener.on(accountsChannel, (userId) => sources.forget(userId));
  listener.onReconnect(() => sources.forget(null));
  const modelGateway = await createModelGateway({
    redis,
    tracer,
    config,
    db,
    sources,
    metrics,
    logger,
    installationKey: key,
    keepsHouse: role !== "cli",
    listener,
    notifier,
    closers,
    onBilled: (bills) => answers.billed(bills),
    onBudgeted: (scope) => answers.budgeted(scope),
    now: options.now ?? Date.now,
  });
  listener.on(budgetsChannel, (userId) => modelGateway.budgetsChanged(userId));
  const workspacesDir = makeWorkspacesFolder(dataDir);
  const [roles, templates] = await Promise.all([loadRoles(), loadSquadTemplates()]);
  const core: Core = {
    config,
    processId,
    db,
    databaseUrl,
    embedded,
    listener,
    notifier,
    hub,
    hints,
    metrics,
    context,
    tracer,
    logger,
    secretBox,
    sources: {
      ...sources,
      forget(userId) {
        sources.forget(userId);
        if (userId !== null) notifier.notify(accountsChannel, userId);
      },
    },
    modelGateway,
    budgetsChanged(userId) {
      modelGateway.budgetsChanged(userId);
      notifier.notify(budgetsChannel, userId);
    },
    answers,
    workspaces: createWorkspaceReader(workspacesDir),
    workspacesDir,
    dataDir,
    roles,
    templates,
    tools: allTools.map(({ name, description, class: toolClass }) => ({ name, description, class: toolClass })),
    version: musterVersion(),
    startWorker: (only) => startWorkerPart(core, only),
    close,
  };
  return core;
}

/** What processes hear and tell each other, and the hub of events that lives on it. */
async function openHub(
  parts: Pick<Core, "db" | "databaseUrl" | "processId" | "metrics" | "logger">,
  closers: (() => Promise<unknown>)[],
): Promise<Pick<Core, "listener" | "notifier" | "hub">> {
  const { db, databaseUrl, processId, metrics, logger } = parts;
  const warn = (what: string) => (error: unknown) => logger.warn({ err: error }, what);
  const listener = await openListener(databaseUrl, warn("the listening connection broke; reconnecting"));
  closers.push(() => listener.close());
  const notifier = createNotifier(db, warn("a notification was not sent"));
  closers.push(() => notifier.close());
  const observeDelivery = metrics.observeEventDelivery;
  const hub = createEventHub({ db, listener, processId, notify: notifier.notify, observeDelivery });
  closers.push(() => hub.close());
  return { listener, notifier, hub };
}

/** The folder of all workspaces, which only this user may enter. */
function makeWorkspacesFolder(dataDir: string): string {
  const folder = join(dataDir, "workspaces");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  return folder;
}

/** Logs, metrics and traces, with one context that carries the ids of request and execution through them. */
async function openObservability(
  config: Config,
  role: string,
  options: CoreOptions,
  closers: (() => Promise<unknown>)[],
) {
  const context = createCallContext();
  const logger = createLogger({
    level: config.logLevel,
    context,
    bindings: { role },
    ...(options.logToStderr ? { destination: process.stderr } : {}),
  });
  const metrics = createMetrics({ role, context });
  const tracer = await createTracer({
    endpoint: config.otlpEndpoint,
    version: musterVersion(),
    role,
    context,
    onError: (error) => logger.warn({ err: error }, "traces could not be sent"),
  });
  closers.push(() => tracer.close());
  return { context, logger, metrics, tracer };
}

async function openStore(
  config: Config,
  metrics: Metrics,
  logger: Logger,
  closers: (() => Promise<unknown>)[],
): Promise<{ db: Database; databaseUrl: string; embedded: EmbeddedPostgres | null }> {
  let embedded: EmbeddedPostgres | null = null;
  let databaseUrl = config.database.url;
  if (databaseUrl === null) {
    embedded = await startEmbeddedPostgres({ dataDir: config.dataDir });
    const started = embedded;
    closers.push(() => started.stop());
    databaseUrl = embedded.url;
  }
  const { poolMin, poolMax, idleTimeoutMs, connectionTimeoutMs, slowQueryMs, readUrl } = config.database;
  const db = await openDatabase({
    url: databaseUrl,
    readUrl,
    poolMin,
    poolMax,
    idleTimeoutMs,
    connectionTimeoutMs,
    slowQueryMs,
    statementTimeoutMs: 60_000,
    metrics: metrics.database,
    onSlowQuery: (query) => {
      metrics.observeSlowQuery(query);
      logger.warn({ query: query.name, durationMs: query.durationMs, statement: query.statement }, "slow query");
    },
    // Only what tells what happened: the driver hangs its whole client on the error.
    onError: ({ message }) => logger.warn({ reason: message }, "a database connection broke; the pool goes on"),
  });
  closers.push(() => db.close());
  metrics.watchPool(() => db.allPools());
  await migrate(db.pool);
  return { db, databaseUrl, embedded };
}
