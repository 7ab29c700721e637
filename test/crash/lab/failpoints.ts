/*
 * Failure points of the transactions of Muster. They stand in no line of the product: `preload.ts` puts them round the
 * database driver of a process that the laboratory starts, and every transaction is recognised by the name of its
 * prepared statement and, for the journal's batches, by what the batch holds. In any other process there is nothing.
 */

/** The transactions of docs/architecture/execution-engine.md. */
export const transactions = [
  "accept",
  "claim",
  "take-over",
  "begin",
  "flush",
  "finish",
  "end",
  "cancel",
  "sweep",
] as const;
export type TransactionName = (typeof transactions)[number];

/** What happens at the point. */
export const actions = [
  /** The process is killed before the transaction reaches the server. */
  "kill-before",
  /** The process is killed while the transaction is on its way: it may be applied or not. */
  "kill-during",
  /** The process is killed after the commit, before anything is done with the answer. */
  "kill-after",
  /** The connection breaks before the transaction is sent; the process lives. */
  "fail-before",
  /** The transaction is committed, its answer never arrives; the process lives. */
  "lose-answer",
  /** The server refuses it: its disk is full. */
  "disk-full",
] as const;
export type FailureAction = (typeof actions)[number];

export interface Failpoint {
  transaction: TransactionName;
  action: FailureAction;
  /** Which of the matching transactions it strikes, counted from 1. */
  nth: number;
  /** How many in a row. */
  times: number;
}

/** Commands to a process under test, and what it reports. */
export type Command =
  | { command: "arm"; failpoint: Failpoint }
  | { command: "block"; forMs: number }
  /** The process's wall clock shows this much more (or less) from now on; its monotonic one goes on as it was. */
  | { command: "clock"; shiftMs: number };
export type Report = { report: "struck"; failpoint: Failpoint };

interface Batch {
  begin?: unknown[];
  ends?: unknown[];
  close?: unknown;
  packed?: { count: number; body: string };
}

/** Streamed text among a batch's packed events: by its name, or by its number among the frequent ones. */
const streamedText = /(?:^|,)\[(?:"message-delta"|5),/;

/** The transactions that a statement is, by its name and its values; none for what is not of interest. */
export function transactionsOf(name: string | undefined, values: readonly unknown[] | undefined): TransactionName[] {
  switch (name) {
    case "execution_accept":
      return ["accept"];
    case "queue_claim":
      return ["claim"];
    case "queue_claim_orphans":
      return ["take-over"];
    case "queue_bury":
      return ["sweep"];
    case "execution_cancel_request":
    case "execution_cancel_now":
      return ["cancel"];
    case "journal_commit":
      return [...new Set((JSON.parse(String(values?.[0] ?? "[]")) as Batch[]).flatMap(transactionsOfBatch))];
    default:
      return [];
  }
}

function transactionsOfBatch(batch: Batch): TransactionName[] {
  const found: TransactionName[] = [];
  if (batch.begin) found.push("begin");
  if (batch.ends) found.push("finish");
  if (batch.close) found.push("end");
  if (found.length === 0 && streamedText.test(batch.packed?.body ?? "")) found.push("flush");
  return found;
}
