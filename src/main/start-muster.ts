import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Config } from "#config";
import { issueClaimCode } from "#domain";
import { createApp } from "#http";
import type { MetricsSnapshot } from "#metrics";
import { startApiProcesses } from "./api-processes.ts";
import { type Core, composeCore } from "./compose-core.ts";
import { startOperationsServer } from "./operations-server.ts";
import type { RunningWorker } from "./start-worker.ts";

/** A running Muster. */
export interface Muster {
  /** Where it listens; null for a process that only works executions. */
  url: string | null;
  /** Where the first user makes the owner's account; null once that is done. */
  claimUrl: string | null;
  core: Core;
  /** Stops in phases: accept nothing, hand executions over, close connections. May be called again. */
  stop(): Promise<void>;
}

/** Executions that are running get this long to finish a call when the process stops. */
const handOverMs = 1_500;

export interface StartOptions {
  /** Print-worthy claim link on first run; off in processes that another one started. */
  issueClaim?: boolean;
  /** Figures of this machine's other processes, for `/metrics` and `/performance`. */
  otherProcesses?: () => Promise<MetricsSnapshot[]>;
}

/** Starts what the role asks for: API and UI (in one process or in several), workers, or both. */
export async function startMuster(config: Config, options: StartOptions = {}): Promise<Muster> {
  const core = await composeCore(config);
  let stopping: Promise<void> | undefined;
  let worker: RunningWorker | null = null;
  // Side by side: a worker waits for the thread of its lease while the API reads its files and knits its routes.
  const working = config.role === "api" ? null : core.startWorker();
  const serving = config.role === "worker" ? null : startApi(core, () => worker?.wake(), options);
  try {
    const [started, api] = await Promise.all([working, serving]);
    worker = started;
    const operations = config.role === "worker" ? await startOperationsServer(core) : null;
    const claimCode = api && options.issueClaim !== false ? await issueClaimCode(core.db) : null;
    return {
      url: api?.url ?? null,
      claimUrl: api && claimCode !== null ? `${api.url}/claim?code=${claimCode}` : null,
      core,
      stop() {
        stopping ??= (async () => {
          await Promise.all([api?.close(), started?.stop(handOverMs)]);
          await operations?.close();
          await core.close();
        })();
        return stopping;
      },
    };
  } catch (error) {
    // Where one of the two could not start, the other may have: what failed first is told.
    const [started, api] = await Promise.allSettled([working, serving]);
    if (api.status === "fulfilled") await api.value?.close();
    if (started.status === "fulfilled") await started.value?.stop(0);
    await core.close();
    throw error;
  }
}

interface Api {
  url: string;
  close(): Promise<void>;
}

async function startApi(core: Core, wakeWorker: () => void, options: StartOptions): Promise<Api> {
  const { config } = core;
  if (config.processes > 1) return startApiProcesses(core, config.processes);
  const webRoot = fileURLToPath(new URL("../../web/out", import.meta.url));
  const app = await createApp({
    db: core.db,
    events: core.hub,
    // A worker in the same process hears of new work without the way round through the database.
    hints: {
      ...core.hints,
      queued: () => {
        wakeWorker();
        core.hints.queued();
      },
    },
    gateway: core.modelGateway,
    workspaces: core.workspaces,
    cache: core.answers.cache,
    metrics: core.metrics,
    context: core.context,
    logger: core.logger,
    tracer: core.tracer,
    secretBox: core.secretBox,
    templates: core.templates,
    roles: core.roles,
    tools: core.tools,
    version: core.version,
    webRoot: existsSync(webRoot) ? webRoot : null,
    ...(config.trustedProxies.length > 0 ? { trustedProxies: config.trustedProxies } : {}),
    ...(options.otherProcesses ? { otherProcesses: options.otherProcesses } : {}),
    onProviderAccountsChanged: (userId) => core.sources.forget(userId),
    onBudgetsChanged: (userId) => core.budgetsChanged(userId),
  });
  // Node's own 511 is too few for a thousand clients that come at once: the rest would be let in seconds later, by retries of TCP.
  const url = await app.listen({ host: config.host, port: config.port, backlog: 4_096 });
  return { url: url.replace("[::1]", "localhost"), close: () => app.close() };
}
