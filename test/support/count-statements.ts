import { AsyncLocalStorage } from "node:async_hooks";
import type pg from "pg";
import type { Database } from "#domain";

export interface StatementCounter {
  /**
   * Runs `work` and returns, beside its result, the name of every statement that was sent on its behalf until then: on the pool
   * and inside transactions, those that begin and end them too. What others do meanwhile is not among them.
   */
  during<Result>(work: () => Promise<Result>): Promise<{ result: Result; statements: string[] }>;
}

/** Counts what goes through the connections of a database from here on. */
export function countStatements(db: Database): StatementCounter {
  const storage = new AsyncLocalStorage<string[]>();
  const heard = new WeakSet<pg.PoolClient>();
  db.pool.on("acquire", (client) => {
    if (heard.has(client)) return;
    heard.add(client);
    const original = client.query.bind(client) as (...all: unknown[]) => unknown;
    (client as { query: unknown }).query = (statement: string | { name?: string }, ...rest: unknown[]) => {
      storage.getStore()?.push(typeof statement === "string" ? statement : (statement.name ?? "unnamed"));
      return original(statement, ...rest);
    };
  });
  return {
    async during(work) {
      const statements: string[] = [];
      const result = await storage.run(statements, work);
      return { result, statements: [...statements] };
    },
  };
}
