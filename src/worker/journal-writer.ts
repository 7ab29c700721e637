import type { Database } from "#db";
import type { CommitResult, JournalBatch } from "./journal-batch.ts";

interface Waiting {
  batch: JournalBatch;
  json: string;
  resolve: (result: CommitResult) => void;
  reject: (error: unknown) => void;
}

export interface JournalWriter {
  /**
   * Makes a batch durable. Resolves after its commit. A lost connection is retried for up to `retryForMs`, which is safe:
   * the batch's number tells the database whether it has been applied.
   */
  commit(batch: JournalBatch): Promise<CommitResult>;
  /** Resolves when nothing is waiting or under way. */
  drain(): Promise<void>;
}

const maxBatchesPerCommit = 64;
const maxCommitsInFlight = 3;

/**
 * Group commit: what arrives while commits are under way travels together in the next one, so that the cost of a
 * transaction and of its fsync is shared under load and nothing waits when there is none.
 */
export function createJournalWriter(db: Database, options: { retryForMs?: number } = {}): JournalWriter {
  const retryForMs = options.retryForMs ?? 30_000;
  const waiting: Waiting[] = [];
  const idle: (() => void)[] = [];
  let inFlight = 0;

  function pump(): void {
    while (waiting.length > 0 && inFlight < maxCommitsInFlight) {
      const group = waiting.splice(0, maxBatchesPerCommit);
      inFlight += 1;
      void send(group).finally(() => {
        inFlight -= 1;
        pump();
        if (inFlight === 0 && waiting.length === 0) for (const resolve of idle.splice(0)) resolve();
      });
    }
  }

  async function send(group: Waiting[]): Promise<void> {
    const deadline = Date.now() + retryForMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const docs = `[${group.map((one) => one.json).join(",")}]`;
        const result = await db.query<{ muster_commit: CommitResult }>(
          "journal_commit",
          "SELECT muster_commit($1::jsonb)",
          [docs],
        );
        group.forEach((one, index) => {
          const row = result.rows[index];
          if (row) one.resolve(row.muster_commit);
          else one.reject(new Error("The journal's answer has fewer rows than batches."));
        });
        return;
      } catch (error) {
        if (isConnectionError(error) && Date.now() < deadline) {
          await new Promise((resolve) => setTimeout(resolve, Math.min(1_000, 50 * 2 ** attempt)));
          continue;
        }
        // One bad batch must not fail its neighbours: the transaction was rolled back whole, so each goes alone.
        if (group.length > 1 && !isConnectionError(error)) {
          await Promise.all(group.map((one) => send([one])));
          return;
        }
        for (const one of group) one.reject(error);
        return;
      }
    }
  }

  return {
    commit(batch) {
      return new Promise((resolve, reject) => {
        waiting.push({ batch, json: JSON.stringify(batch), resolve, reject });
        pump();
      });
    },
    drain() {
      if (inFlight === 0 && waiting.length === 0) return Promise.resolve();
      return new Promise((resolve) => idle.push(resolve));
    },
  };
}

/** True for faults of the connection or the server's state, after which the same statement may well succeed. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  if (/^(08|57P0|53300|40001|40P01|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND)/.test(code)) return true;
  return /Connection terminated|connection timeout|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable/i.test(
    error.message,
  );
}
