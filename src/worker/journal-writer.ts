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
   * Makes a batch durable. Resolves after its commit. While the database is away or its disk is full the batch is kept and
   * sent again, without end: what it holds is paid for. That is safe, since its number tells the database whether it has
   * been applied.
   */
  commit(batch: JournalBatch): Promise<CommitResult>;
  /** The process stops or its lease is gone: rejects everything that is waiting or under way, applied or not. */
  giveUp(): void;
  /** Resolves when nothing is waiting or under way. */
  drain(): Promise<void>;
}

const maxBatchesPerCommit = 64;
const maxCommitsInFlight = 3;
const maxRetryDelayMs = 1_000;

/**
 * Group commit: what arrives while commits are under way travels together in the next one, so that the cost of a
 * transaction and of its fsync is shared under load and nothing waits when there is none.
 */
export function createJournalWriter(
  db: Database,
  options: { onRetry?: (error: unknown, attempt: number) => void } = {},
): JournalWriter {
  const waiting: Waiting[] = [];
  const underWay = new Set<Waiting>();
  const pauses = new Set<() => void>();
  let givenUp = false;
  const idle: (() => void)[] = [];
  let inFlight = 0;

  function pump(): void {
    while (waiting.length > 0 && inFlight < maxCommitsInFlight) {
      const group = waiting.splice(0, maxBatchesPerCommit);
      inFlight += 1;
      for (const one of group) underWay.add(one);
      void send(group).finally(() => {
        inFlight -= 1;
        for (const one of group) underWay.delete(one);
        pump();
        if (inFlight === 0 && waiting.length === 0) for (const resolve of idle.splice(0)) resolve();
      });
    }
  }

  async function send(group: Waiting[]): Promise<void> {
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
        const passing = isPassing(error);
        if (passing && !givenUp) {
          options.onRetry?.(error, attempt);
          await pause(Math.min(maxRetryDelayMs, 25 * 2 ** attempt));
          continue;
        }
        // One bad batch must not fail its neighbours: the transaction was rolled back whole, so each goes alone.
        if (group.length > 1 && !passing) {
          await Promise.all(group.map((one) => send([one])));
          return;
        }
        for (const one of group) one.reject(error);
        return;
      }
    }
  }

  function pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        pauses.delete(done);
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      pauses.add(done);
    });
  }

  return {
    commit(batch) {
      if (givenUp) return Promise.reject(new Error("The journal's writer has given up."));
      return new Promise((resolve, reject) => {
        waiting.push({ batch, json: JSON.stringify(batch), resolve, reject });
        pump();
      });
    },
    giveUp() {
      givenUp = true;
      const error = new Error(
        "The journal's writer has given up: whether this was applied is for the next worker to see.",
      );
      for (const one of [...waiting.splice(0), ...underWay]) one.reject(error);
      for (const resume of [...pauses]) resume();
    },
    drain() {
      if (inFlight === 0 && waiting.length === 0) return Promise.resolve();
      return new Promise((resolve) => idle.push(resolve));
    },
  };
}

/** True for faults after which the same statement may well succeed: of the connection, or of a server without room. */
export function isPassing(error: unknown): boolean {
  return isConnectionError(error) || isStorageError(error);
}

/** True for faults of the connection or the server's state, after which the same statement may well succeed. */
function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  if (/^(08|57P0|53300|40001|40P01|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|ENOENT|EAI_AGAIN|EHOST|ENET)/.test(code))
    return true;
  return /Connection terminated|connection timeout|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable|Query read timeout/i.test(
    error.message,
  );
}

/** True when the server's disk (53100), memory (53200) or the file system below it (58030) refuses. */
function isStorageError(error: unknown): boolean {
  return error instanceof Error && /^(53100|53200|58030|ENOSPC|EDQUOT)/.test(codeOf(error));
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : "";
}
