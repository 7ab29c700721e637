import type { SlowQuery } from "#contracts";

/** How many of the latest slow queries are kept for the performance page. */
const keptQueries = 50;
const statementCharacters = 200;

/** A ring of the latest slow queries. Statements carry no values: the database module passes prepared text only. */
export class SlowQueryLog {
  readonly #queries: SlowQuery[] = [];

  add(query: SlowQuery): void {
    this.#queries.push({ ...query, query: query.query.slice(0, statementCharacters) });
    if (this.#queries.length > keptQueries) this.#queries.shift();
  }

  /** Newest first. */
  list(): SlowQuery[] {
    return this.#queries.toReversed();
  }
}
