import type pg from "pg";
import { isStatementError, MeasuredPool, type MeasuredPoolOptions } from "./measured-pool.ts";

/** Runs statements, on the pool or inside a transaction. */
export interface Queryable {
  /**
   * Runs a prepared statement. `name` is the statement's name on the server and in the metrics: one name, one text.
   * int8 columns are numbers, timestamptz are Dates.
   */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    name: string,
    text: string,
    values?: readonly unknown[],
  ): Promise<pg.QueryResult<Row>>;
}

/** An open transaction; it ends with the function it was given to. */
export interface Transaction extends Queryable {
  /** For what needs the connection itself: several statements in one text, a session setting. */
  readonly client: pg.PoolClient;
}

export interface PoolState {
  total: number;
  idle: number;
  /** Callers that wait for a connection. */
  waiting: number;
}

export interface Database extends Queryable {
  readonly pool: pg.Pool;
  /** For reads that may lag a little: the replica when there is one (it may be away), else this very object's `query`. */
  readonly read: Queryable;
  /**
   * Runs `work` in one transaction and commits, or rolls back and rejects with what it threw.
   * @throws {CommitUnknownError} when the connection was lost during COMMIT.
   */
  transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result>;
  poolState(): PoolState;
  /** The same of all pools together: the replica's too. */
  allPools(): PoolState;
  /** Waits for the connections in use, then closes all. May be called again. */
  close(): Promise<void>;
}

export interface DatabaseOptions extends MeasuredPoolOptions {
  /** A replica for `read`; absent: the same pool. */
  readUrl?: string | null | undefined;
}

/**
 * COMMIT was sent and its answer was lost: the transaction may or may not have been applied. Resolve it by reading what
 * it would have written, never by running it again blindly.
 */
export class CommitUnknownError extends Error {
  constructor(cause: unknown) {
    super("The connection was lost during COMMIT: whether it was applied has to be read from the database", { cause });
    this.name = "CommitUnknownError";
  }
}

function queryableOf(measured: MeasuredPool): Queryable {
  return {
    query: <Row extends pg.QueryResultRow>(name: string, text: string, values?: readonly unknown[]) =>
      measured.pool.query<Row>({ name, text, values: values as unknown[] | undefined } as pg.QueryConfig),
  };
}

function transactionOn(measured: MeasuredPool, client: pg.PoolClient): Transaction {
  return {
    client,
    query: <Row extends pg.QueryResultRow>(name: string, text: string, values?: readonly unknown[]) =>
      measured.run(client, { name, text, values: values as unknown[] | undefined } as pg.QueryConfig) as Promise<
        pg.QueryResult<Row>
      >,
  };
}

function stateOf({ pool }: MeasuredPool): PoolState {
  // The pool hands out idle ones a moment later: who gets one of them does not wait.
  return { total: pool.totalCount, idle: pool.idleCount, waiting: Math.max(0, pool.waitingCount - pool.idleCount) };
}

async function runTransaction<Result>(
  measured: MeasuredPool,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  const client = await measured.pool.connect();
  let broken: Error | undefined;
  try {
    await measured.control(client, "BEGIN");
    const result = await work(transactionOn(measured, client));
    try {
      await measured.control(client, "COMMIT");
    } catch (error) {
      // The server's own refusal (a deferred constraint) is a rollback; anything else leaves the outcome open.
      if (isStatementError(error)) throw error;
      throw new CommitUnknownError(error);
    }
    return result;
  } catch (error) {
    try {
      await measured.control(client, "ROLLBACK");
    } catch (rollbackError) {
      // The connection is gone, and with it the transaction: drop the client, report the first error.
      broken = rollbackError instanceof Error ? rollbackError : new Error(String(rollbackError));
    }
    throw error;
  } finally {
    client.release(broken);
  }
}

/**
 * Opens the database: a pool that keeps `poolMin` connections warm and measures every query and wait.
 * Rejects when the server cannot be reached or refuses the credentials.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const main = new MeasuredPool(options);
  const replica = options.readUrl ? new MeasuredPool({ ...options, url: options.readUrl }) : null;
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= Promise.all([main.pool.end(), replica?.pool.end()]).then(() => undefined);
    return closed;
  };
  try {
    await main.warm();
    // Without its replica the database is slower, not away: reads go to the primary.
    await replica?.warm().catch((error: Error) => options.onError?.(error));
  } catch (error) {
    await close();
    throw error;
  }
  const queryable = queryableOf(main);
  return {
    ...queryable,
    pool: main.pool,
    read: replica === null ? queryable : queryableOf(replica),
    transaction: (work) => runTransaction(main, work),
    poolState: () => stateOf(main),
    allPools() {
      const [own, far] = [stateOf(main), replica && stateOf(replica)];
      if (far === null) return own;
      return { total: own.total + far.total, idle: own.idle + far.idle, waiting: own.waiting + far.waiting };
    },
    close,
  };
}
