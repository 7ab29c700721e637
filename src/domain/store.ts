import type { ErrorCode } from "#contracts";
import type { Database, Queryable, Transaction } from "#db";

/** Whose things a query may see. It is the second argument of every query, so that none can forget it. */
export interface Scope {
  userId: string;
}

/**
 * What a use case that writes works on: the database, or an open transaction that it joins. In the second case nothing
 * is committed until the caller's transaction is.
 */
export interface Store extends Queryable {
  transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result>;
}

/** An expected outcome other than success. `outcome` is a code of the error table, `detail` says what to do about it. */
export interface Refusal {
  outcome: ErrorCode;
  detail: string;
}

/** Lets use cases run inside a transaction that is open already. */
export function joinTransaction(transaction: Transaction): Store {
  return {
    query: transaction.query,
    transaction: (work) => work(transaction),
  };
}

export type { Database, Queryable, Transaction };

/** The one answer for things that are missing and things of others. */
export function notFound(what: string): Refusal & { outcome: "not_found" } {
  return { outcome: "not_found", detail: `There is no ${what} with this id, or it is not yours.` };
}

/** True when PostgreSQL refused because of this unique constraint or index (SQLSTATE 23505). */
export function violates(error: unknown, constraint: string): boolean {
  return (
    typeof error === "object" &&
    error !== null &&
    "code" in error &&
    error.code === "23505" &&
    "constraint" in error &&
    error.constraint === constraint
  );
}
