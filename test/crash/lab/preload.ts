// Loaded into a Muster under test with `--import`: failure points round its database driver, and ways to block its
// event loop and to move its clock. See failpoints.ts.
import { isMainThread } from "node:worker_threads";
import pg from "pg";
import { type Command, type Failpoint, type Report, type TransactionName, transactionsOf } from "./failpoints.ts";

interface Statement {
  name?: string;
  text?: string;
  values?: unknown[];
}
type Query = (this: pg.Client, statement: string | Statement, ...rest: unknown[]) => unknown;

const armed: (Failpoint & { seen: number })[] = [];
/** Transactions that stand open on a connection; they are struck at their COMMIT. */
const open = new WeakMap<pg.Client, TransactionName[]>();
const poison = process.env.CRASH_LAB_POISON;
const trueNow = Date.now;
const original = pg.Client.prototype.query as unknown as Query;

function strike(found: readonly TransactionName[]): Failpoint | null {
  for (const point of armed) {
    if (!found.includes(point.transaction)) continue;
    point.seen += 1;
    if (point.seen < point.nth || point.seen >= point.nth + point.times) continue;
    return point;
  }
  return null;
}

function report(failpoint: Failpoint): void {
  const message: Report = { report: "struck", failpoint };
  process.send?.(message);
}

function brokenConnection(client: pg.Client): Error {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  return Object.assign(new Error("Connection terminated unexpectedly"), { code: "ECONNRESET" });
}

async function act(client: pg.Client, point: Failpoint, run: () => Promise<unknown>): Promise<unknown> {
  switch (point.action) {
    case "kill-before":
      process.kill(process.pid, "SIGKILL");
      return new Promise(() => undefined);
    case "kill-during":
      void run();
      await new Promise((resolve) => setImmediate(resolve));
      process.kill(process.pid, "SIGKILL");
      return new Promise(() => undefined);
    case "kill-after":
      await run();
      process.kill(process.pid, "SIGKILL");
      return new Promise(() => undefined);
    case "fail-before":
      report(point);
      throw brokenConnection(client);
    case "lose-answer":
      await run();
      report(point);
      throw brokenConnection(client);
    case "disk-full": {
      report(point);
      const error = new pg.DatabaseError("could not extend file: No space left on device", 0, "error");
      throw Object.assign(error, { code: "53100", severity: "ERROR" });
    }
  }
}

/** The driver's `query` as Muster's pool calls it, with a callback, and as others do, for a promise. */
const query: Query = function (this: pg.Client, statement, ...rest) {
  const callback = rest.at(-1);
  if (typeof callback !== "function") return queryOrStrike.call(this, statement, ...rest);
  (queryOrStrike.call(this, statement, ...rest.slice(0, -1)) as Promise<unknown>).then(
    (result) => callback(null, result),
    (error) => callback(error),
  );
  return undefined;
};

const queryOrStrike: Query = function (this: pg.Client, statement, ...rest) {
  const run = () => original.call(this, statement, ...rest) as Promise<unknown>;
  if (typeof statement === "string") {
    if (statement === "BEGIN") open.set(this, []);
    if (statement !== "COMMIT") return run();
    const point = strike(open.get(this) ?? []);
    open.delete(this);
    if (!point) return run();
    // A server whose disk is full rolls back.
    if (point.action === "disk-full")
      return (original.call(this, "ROLLBACK") as Promise<unknown>).then(() => act(this, point, run));
    return act(this, point, run);
  }
  // The execution that kills whoever begins a call of it.
  if (poison && statement.name === "journal_commit" && String(statement.values?.[0]).includes(poison)) {
    if (transactionsOf(statement.name, statement.values).includes("begin")) process.kill(process.pid, "SIGKILL");
  }
  if (armed.length === 0) return run();
  const found = transactionsOf(statement.name, statement.values);
  const standing = open.get(this);
  if (standing) {
    standing.push(...found);
    return run();
  }
  const point = found.length === 0 ? null : strike(found);
  return point ? act(this, point, run) : run();
};

/** What an administrator (or a time service) does with the clock of the machine, for this process alone. */
function moveClock(shiftMs: number): void {
  Date.now = () => trueNow() + shiftMs;
  globalThis.Date = new Proxy(Date, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [target.now()] : args, newTarget),
  });
}

if (isMainThread) {
  pg.Client.prototype.query = query as unknown as typeof pg.Client.prototype.query;
  process.on("message", (message: Command) => {
    if (message.command === "arm") armed.push({ ...message.failpoint, seen: 0 });
    else if (message.command === "clock") moveClock(message.shiftMs);
    else {
      const until = performance.now() + message.forMs;
      while (performance.now() < until);
    }
  });
  // The laboratory's channel must not keep a Muster alive that has stopped.
  process.channel?.unref();
}
