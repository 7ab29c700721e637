import type { Config } from "#config";
import { exitCodes } from "./exit.ts";

interface Explained {
  message: string;
  exitCode: number;
}

/** The first error of a chain of causes (or of several attempts at once) that has a code. */
function codedError(error: unknown): (Error & { code: string; path?: string; address?: string; port?: number }) | null {
  if (!(error instanceof Error)) return null;
  if ("code" in error && typeof error.code === "string") return error as Error & { code: string };
  if (error instanceof AggregateError) {
    for (const one of error.errors) {
      const found = codedError(one);
      if (found) return found;
    }
  }
  return codedError(error.cause);
}

const unreachable = [
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
];

/** What PostgreSQL says when it does not let us in or cannot take us now (SQLSTATE). */
const databaseRefusals: Record<string, string> = {
  "28P01": "the database refuses the password: check DATABASE_URL",
  "28000": "the database refuses this user: check DATABASE_URL and its pg_hba.conf",
  "3D000": "the database named in DATABASE_URL does not exist: create it, or name another",
  "42501": "the database user may not do this: give it the right to create tables in its schema",
  "53300": "the database has no connection left: lower DATABASE_POOL_MAX, or raise its max_connections",
  "53100": "the database's disk is full: make room and start again",
  "57P03": "the database is starting or stopping: try again in a moment",
};

/** What is wrong, in one line where that can be said, and the code for the shell. Never holds a secret of the config. */
export function explainError(error: unknown, config: Config | null): Explained {
  if (error instanceof Error && error.name === "ConfigError")
    return { message: error.message, exitCode: exitCodes.usage };
  if (error instanceof Error && "exitCode" in error && typeof error.exitCode === "number") {
    return { message: error.message, exitCode: error.exitCode };
  }
  const coded = codedError(error);
  const known = coded === null ? null : explainCode(coded, config);
  const message = known ?? (error instanceof Error ? error.message : String(error));
  return {
    message: message || "Muster failed without a reason; LOG_LEVEL=debug shows where",
    exitCode: exitCodes.failed,
  };
}

function explainCode(
  error: Error & { code: string; path?: string; address?: string; port?: number },
  config: Config | null,
): string | null {
  const { code } = error;
  if (code === "EADDRINUSE") {
    return `port ${error.port ?? config?.port} on ${error.address ?? config?.host} is taken: stop the program that has it, or set PORT`;
  }
  if (code === "EACCES" && error.message.includes("listen")) {
    return `port ${error.port ?? config?.port} needs more rights than this user has: set PORT to one above 1023`;
  }
  if (code === "EADDRNOTAVAIL") return `this machine has no address ${error.address ?? config?.host}: set HOST`;
  if (["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST", "ENOENT"].includes(code) && error.path !== undefined) {
    return explainPath(error.path, code, config);
  }
  if (code === "ENOSPC")
    return `the disk is full${error.path === undefined ? "" : ` (${error.path})`}: make room and start again`;
  const refusal = databaseRefusals[code];
  if (refusal !== undefined) return refusal;
  if (unreachable.includes(code))
    return `the database cannot be reached${databasePlace(config)} (${code}): start it, or check DATABASE_URL`;
  return null;
}

/** Host and port of the database, without user and password. */
function databasePlace(config: Config | null): string {
  const url = config?.database.url;
  if (url === null || url === undefined || !URL.canParse(url)) return "";
  const { hostname, port } = new URL(url);
  return ` at ${hostname}:${port || "5432"}`;
}

function explainPath(path: string, code: string, config: Config | null): string {
  const what = code === "ENOENT" ? `there is no ${path}` : `${path} cannot be used (${code})`;
  if (config === null || !path.startsWith(config.dataDir))
    return `${what}: name another place, or give this user the right`;
  return `${what}: give this user the right to write there, or set MUSTER_DATA_DIR to a folder it may write`;
}
