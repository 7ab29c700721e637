import pg from "pg";

/** Where the measurements of the database go. Times are milliseconds. */
export interface DatabaseMetrics {
  queryFinished(query: string, durationMs: number, failed: boolean): void;
  connectionWaited(waitMs: number): void;
}

/** A statement that took longer than it should, without its values. */
export interface SlowQuery {
  name: string;
  durationMs: number;
  /** The first 200 characters. */
  statement: string;
}

export interface MeasuredPoolOptions {
  url: string;
  poolMin: number;
  poolMax: number;
  idleTimeoutMs: number;
  connectionTimeoutMs: number;
  /** The server cancels a statement after this time; absent: never. */
  statementTimeoutMs?: number | undefined;
  slowQueryMs: number;
  onSlowQuery?: ((query: SlowQuery) => void) | undefined;
  /** A connection broke while nobody used it (the server restarted). The pool goes on by itself. */
  onError?: ((error: Error) => void) | undefined;
  metrics?: DatabaseMetrics | undefined;
}

type Statement = string | pg.QueryConfig;

/** How much longer than the server may work on a statement its answer may take. */
const answerMs = 5_000;
const statementCharacters = 200;

/** So many connections do the work of a small machine; more are opened when a caller waits for one this long. */
const fewConnections = 8;
const growAfterMs = 50;

/**
 * int8 as a number: money in nano-USD and counters stay below 2^53 (9 million USD). `date` as text, since a Date would
 * be moved by the local time zone.
 */
function getTypeParser(oid: number, format?: "text" | "binary"): (value: string) => unknown {
  if (oid === pg.types.builtins.INT8 && format !== "binary") return parseInt8;
  if (oid === pg.types.builtins.DATE) return (value) => value;
  return pg.types.getTypeParser(oid, format === "binary" ? "binary" : "text") as (value: string) => unknown;
}

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw new RangeError(`The database returned ${text}, beyond what a number can hold`);
  return value;
}

/**
 * Sends a statement; rejects after `timeoutMs` without an answer, when the connection is of no use any more. Not by the promise
 * nor the time-out that `pg` makes itself: with either the rows of every answer outlive two young collections, and the old
 * generation is collected all the time (docs/decisions/0117-rows-die-young.md).
 */
function ask(
  client: pg.ClientBase,
  statement: Statement,
  values: unknown[] | undefined,
  timeoutMs: number | null,
): Promise<pg.QueryResult> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`Query read timeout: the database did not answer within ${timeoutMs} ms`));
    const timer = timeoutMs === null ? undefined : setTimeout(late, timeoutMs);
    const named = typeof statement === "string" ? { text: statement } : statement;
    client.query(values === undefined ? statement : { ...named, values }, (error, result) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve(result);
    });
  });
}

/** True when the server refused the statement but the connection is as good as before. */
export function isStatementError(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.severity !== "FATAL" && error.severity !== "PANIC";
}

/**
 * A pg pool whose every query and wait for a connection is measured, whoever makes it (this module, or whoever is handed the pool).
 * Other than pg's own it keeps a connection after a statement the server refused, and survives broken connections that
 * are in use. It opens connections beyond the first few only when waiting for one takes time: each is a process of the server with
 * its own memory (docs/decisions/0066-connections-when-they-are-missed.md).
 */
export class MeasuredPool {
  readonly pool: pg.Pool;
  readonly #options: MeasuredPoolOptions;
  /** How many connections there may be for now, between the first few and `poolMax`. */
  #room: number;
  #grownAt = Number.NEGATIVE_INFINITY;
  /** The server's own limit does not help where the network swallows what it says. */
  readonly #timeoutMs: number | null;

  constructor(options: MeasuredPoolOptions) {
    this.#options = options;
    this.#timeoutMs = options.statementTimeoutMs === undefined ? null : options.statementTimeoutMs + answerMs;
    this.#room = Math.min(options.poolMax, Math.max(options.poolMin, fewConnections));
    const few = this.#room;
    this.pool = new pg.Pool({
      connectionString: options.url,
      min: options.poolMin,
      max: few,
      idleTimeoutMillis: options.idleTimeoutMs,
      connectionTimeoutMillis: options.connectionTimeoutMs,
      statement_timeout: options.statementTimeoutMs ?? false,
      application_name: "muster",
      keepAlive: true,
      types: { getTypeParser: getTypeParser as typeof pg.types.getTypeParser },
    });
    // Both are needed: the pool reports idle connections that break, but one in use has no listener of the pool's, and
    // an "error" event without a listener ends the process. Whoever uses it learns of it from its query.
    // Of a pool that is being closed no connection is missed: the server may end it before we do.
    this.pool.on("error", (error) => this.pool.ending || options.onError?.(error));
    this.pool.on("connect", (client) => client.on("error", () => undefined));
    this.pool.on("remove", () => this.#setRoom(Math.max(few, Math.min(this.#room, this.pool.totalCount))));
    this.#measure();
  }

  #setRoom(room: number): void {
    this.#room = room;
    this.pool.options.max = room;
  }

  /**
   * Opens one connection more when a caller has waited long, then at most one more in each such time. Returns how to
   * stop it.
   */
  #growLater(connect: () => Promise<pg.PoolClient>): () => void {
    let timer: NodeJS.Timeout;
    const look = () => {
      const now = performance.now();
      const left = this.#grownAt + growAfterMs - now;
      timer = setTimeout(look, left > 1 ? left : growAfterMs);
      if (left > 1 || this.#room >= this.#options.poolMax || this.pool.ending) return;
      this.#grownAt = now;
      this.#setRoom(this.#room + 1);
      // It goes to whoever waits longest. One that cannot be made is an answer to nobody: those who wait have their time-outs.
      connect().then(
        (client) => client.release(),
        () => undefined,
      );
    };
    timer = setTimeout(look, growAfterMs);
    return () => clearTimeout(timer);
  }

  #measure(): void {
    const connect = this.pool.connect.bind(this.pool) as () => Promise<pg.PoolClient>;
    const measuredConnect = async (): Promise<pg.PoolClient> => {
      const started = performance.now();
      // Idle ones are handed out a moment later: those who wait already have them.
      const { idleCount, waitingCount, totalCount } = this.pool;
      const full = idleCount <= waitingCount && totalCount >= this.#room && this.#room < this.#options.poolMax;
      const stop = full ? this.#growLater(connect) : null;
      try {
        return await connect();
      } finally {
        stop?.();
        this.#options.metrics?.connectionWaited(performance.now() - started);
      }
    };
    const query = async (statement: Statement, values?: unknown[]): Promise<pg.QueryResult> => {
      const client = await measuredConnect();
      let broken: Error | undefined;
      try {
        return await this.run(client, statement, values);
      } catch (error) {
        if (!isStatementError(error)) broken = error instanceof Error ? error : new Error(String(error));
        throw error;
      } finally {
        client.release(broken);
      }
    };
    this.pool.connect = measuredConnect as typeof this.pool.connect;
    this.pool.query = query as typeof this.pool.query;
  }

  /** Runs a statement on a connection that is held already, measured. */
  run(client: pg.ClientBase, statement: Statement, values?: unknown[]): Promise<pg.QueryResult> {
    const name = (typeof statement === "string" ? undefined : statement.name) ?? "unnamed";
    return this.#runAs(name, client, statement, values);
  }

  /**
   * Begins or ends a transaction, measured by its lower-case name: COMMIT is where a slow disk shows. Sent as plain text,
   * one message instead of the five of a prepared statement.
   */
  control(client: pg.ClientBase, statement: "BEGIN" | "COMMIT" | "ROLLBACK"): Promise<pg.QueryResult> {
    return this.#runAs(statement.toLowerCase(), client, statement);
  }

  async #runAs(name: string, client: pg.ClientBase, statement: Statement, values?: unknown[]): Promise<pg.QueryResult> {
    const started = performance.now();
    let failed = true;
    try {
      const result = await ask(client, statement, values, this.#timeoutMs);
      failed = false;
      return result;
    } catch (error) {
      // Leads to whoever asked; it was made where the answer was read.
      if (error instanceof Error) Error.captureStackTrace(error);
      throw error;
    } finally {
      this.#finished(name, statement, performance.now() - started, failed);
    }
  }

  #finished(name: string, statement: Statement, durationMs: number, failed: boolean): void {
    const { metrics, onSlowQuery, slowQueryMs } = this.#options;
    metrics?.queryFinished(name, durationMs, failed);
    if (onSlowQuery !== undefined && durationMs >= slowQueryMs) {
      const text = typeof statement === "string" ? statement : statement.text;
      onSlowQuery({ name, durationMs, statement: text.slice(0, statementCharacters) });
    }
  }

  /** Opens the connections that are kept; rejects when the server cannot be reached or refuses. */
  async warm(): Promise<void> {
    const first = await this.pool.connect();
    first.release();
    const more = Math.min(this.#options.poolMin, this.#options.poolMax) - 1;
    const clients = await Promise.allSettled(Array.from({ length: more + 1 }, () => this.pool.connect()));
    for (const client of clients) if (client.status === "fulfilled") client.value.release();
  }
}
