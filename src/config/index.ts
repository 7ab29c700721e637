import { existsSync } from "node:fs";
import { isIP } from "node:net";
import { resolve } from "node:path";
import { Value } from "typebox/value";
import { type Environment, environmentSchema, type logLevels, type roles } from "./variables.ts";

export { type EnvironmentVariable, environmentVariables, renderEnvExample } from "./variables.ts";

/** What Muster is told from outside, parsed once. Times are milliseconds. */
export interface Config {
  port: number;
  host: string;
  /** Absolute. */
  dataDir: string;
  role: (typeof roles)[number];
  /** API processes on this machine. */
  processes: number;
  /** Addresses and networks whose X-Forwarded-For is believed; empty: nobody's. */
  trustedProxies: string[];
  database: {
    /** Null: the embedded server. */
    url: string | null;
    readUrl: string | null;
    poolMin: number;
    poolMax: number;
    idleTimeoutMs: number;
    connectionTimeoutMs: number;
    slowQueryMs: number;
  };
  redisUrl: string | null;
  secretKey: string | null;
  logLevel: (typeof logLevels)[number];
  openai: { apiKey: string | null; baseUrl: string | null };
  anthropic: { apiKey: string | null; baseUrl: string | null };
  google: { apiKey: string | null };
  ollama: { baseUrl: string | null };
  /** Embeddings and prompts that share a request. */
  microBatch: { size: number; waitMs: number };
  otlpEndpoint: string | null;
}

/** The environment cannot be used. `problems` has one line for each bad variable; the message is all of them. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

const names = Object.keys(environmentSchema.properties);

/** Number of insertions, deletions and replacements between two words (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/**
 * Names that look like ours and are not. Other programs share the environment (and prefixes like `OPENAI_`), so outside
 * `MUSTER_` only a near miss of a known name counts.
 */
function unknownNames(env: NodeJS.ProcessEnv): string[] {
  return Object.keys(env)
    .filter((name) => !names.includes(name) && name.includes("_"))
    .flatMap((name) => {
      const prefix = name.slice(0, name.indexOf("_") + 1);
      const near = names
        .filter((known) => known.startsWith(prefix) && editDistance(name, known) <= 2)
        .sort((a, b) => editDistance(name, a) - editDistance(name, b))[0];
      if (near !== undefined) return [`${name} is unknown: did you mean ${near}?`];
      return prefix === "MUSTER_" ? [`${name} is unknown: see .env.example for the variables that Muster reads`] : [];
    });
}

function parse(env: NodeJS.ProcessEnv): { environment: Environment; problems: string[] } {
  // An empty value (as `VAR=` in a file or compose.yaml) means that the variable is not set.
  const given = names.flatMap((name) => {
    const value = env[name]?.trim();
    return value === undefined || value === "" ? [] : [[name, value] as const];
  });
  const candidate = Value.Default(environmentSchema, Object.fromEntries(given)) as Record<string, unknown>;
  const problems: string[] = [];
  for (const [name, schema] of Object.entries(environmentSchema.properties)) {
    if (candidate[name] === undefined) continue;
    const { type, expected, secret } = schema as { type?: string; expected?: string; secret?: boolean };
    const text = candidate[name];
    if (type === "integer" && typeof text === "string" && /^-?\d+$/.test(text)) candidate[name] = Number(text);
    if (Value.Check(schema, candidate[name])) continue;
    const shown = secret === true || name.endsWith("_URL") ? "its value" : JSON.stringify(text);
    problems.push(`${name}: ${shown} is not ${expected ?? "usable"}`);
  }
  return { environment: candidate as Environment, problems };
}

function contradictions(environment: Environment): string[] {
  const problems: string[] = [];
  if (environment.DATABASE_POOL_MIN > environment.DATABASE_POOL_MAX) {
    problems.push(
      `DATABASE_POOL_MIN: ${environment.DATABASE_POOL_MIN} is more than DATABASE_POOL_MAX (${environment.DATABASE_POOL_MAX})`,
    );
  }
  if (environment.DATABASE_READ_URL !== undefined && environment.DATABASE_URL === undefined) {
    problems.push("DATABASE_READ_URL: a replica needs its primary; set DATABASE_URL too");
  }
  for (const proxy of listOf(environment.MUSTER_TRUSTED_PROXIES)) {
    if (!isNetwork(proxy))
      problems.push(`MUSTER_TRUSTED_PROXIES: ${JSON.stringify(proxy)} is no address and no network`);
  }
  return problems;
}

function listOf(text: string | undefined): string[] {
  return (text ?? "").split(",").flatMap((part) => part.trim() || []);
}

/** An address, or one with the length of a prefix (RFC 4632, RFC 4291). */
function isNetwork(text: string): boolean {
  const [address = "", length, ...more] = text.split("/");
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (version === 4 ? 32 : 128));
}

/**
 * Parses an environment. Unset variables take their defaults; relative folders are resolved against `cwd`.
 * @throws {ConfigError} with one line for every unknown or bad variable. Secrets and URLs are never repeated in it.
 */
export function readConfig(env: NodeJS.ProcessEnv, cwd: string = process.cwd()): Config {
  const { environment, problems } = parse(env);
  const all = [...unknownNames(env), ...problems];
  if (problems.length === 0) all.push(...contradictions(environment));
  if (all.length > 0) throw new ConfigError(all);
  return {
    port: environment.PORT,
    host: environment.HOST,
    dataDir: resolve(cwd, environment.MUSTER_DATA_DIR),
    role: environment.MUSTER_ROLE,
    processes: environment.MUSTER_PROCESSES,
    trustedProxies: listOf(environment.MUSTER_TRUSTED_PROXIES),
    database: {
      url: environment.DATABASE_URL ?? null,
      readUrl: environment.DATABASE_READ_URL ?? null,
      poolMin: environment.DATABASE_POOL_MIN,
      poolMax: environment.DATABASE_POOL_MAX,
      idleTimeoutMs: environment.DATABASE_IDLE_TIMEOUT_MS,
      connectionTimeoutMs: environment.DATABASE_CONNECTION_TIMEOUT_MS,
      slowQueryMs: environment.SLOW_QUERY_MS,
    },
    redisUrl: environment.REDIS_URL ?? null,
    secretKey: environment.MUSTER_SECRET_KEY ?? null,
    logLevel: environment.LOG_LEVEL,
    openai: { apiKey: environment.OPENAI_API_KEY ?? null, baseUrl: environment.OPENAI_BASE_URL ?? null },
    anthropic: { apiKey: environment.ANTHROPIC_API_KEY ?? null, baseUrl: environment.ANTHROPIC_BASE_URL ?? null },
    google: { apiKey: environment.GOOGLE_API_KEY ?? null },
    ollama: { baseUrl: environment.OLLAMA_BASE_URL ?? null },
    microBatch: { size: environment.MUSTER_BATCH_SIZE, waitMs: environment.MUSTER_BATCH_WAIT_MS },
    otlpEndpoint: environment.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
  };
}

/**
 * The configuration of this process: its environment, and below it a `.env` file in the working folder.
 * @throws {ConfigError}
 */
export function loadConfig(cwd: string = process.cwd()): Config {
  const file = resolve(cwd, ".env");
  if (existsSync(file)) process.loadEnvFile(file);
  return readConfig(process.env, cwd);
}

/** What of the environment says how a command talks to whoever typed it; read before the configuration is. */
export interface CommandEnvironment {
  /** A terminal that cannot be redrawn. */
  dumbTerminal: boolean;
  /** Null when it is not set. */
  logLevel: string | null;
}

/** Reads how a command may talk. Never throws: bad values are `loadConfig`'s to report. */
export function readCommandEnvironment(env: NodeJS.ProcessEnv = process.env): CommandEnvironment {
  return { dumbTerminal: env.TERM === "dumb", logLevel: env.LOG_LEVEL?.trim() || null };
}
