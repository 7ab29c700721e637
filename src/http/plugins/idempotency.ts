import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { AppError } from "#contracts";
import {
  beginIdempotentWrite,
  type Database,
  joinTransaction,
  type Scope,
  type SecretBox,
  type Store,
  type StoredAnswer,
  storeIdempotentAnswer,
  type Transaction,
} from "#domain";
import { problemOf } from "../problem.ts";

export interface WriteResult {
  status: number;
  /** JSON text; null: no content. */
  body: string | null;
  contentType: string;
  /** True when the answer was stored by an earlier request and nothing was done now. */
  replayed: boolean;
}

const printable = /^[\x21-\x7e]{1,255}$/;

/** The request's Idempotency-Key, if any. */
export function idempotencyKeyOf(request: FastifyRequest): string | null {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return null;
  if (typeof key !== "string" || !printable.test(key)) {
    throw new AppError(
      "bad_request",
      "Idempotency-Key must be 1 to 255 printable ASCII characters, for example a UUID.",
    );
  }
  return key;
}

/**
 * Runs a write under its key: the write, the key and the answer are one transaction. Refusals (4xx) are stored too, with
 * whatever the write had begun undone; faults are not, so that they can be tried again.
 */
export async function runIdempotently(options: {
  db: Database;
  scope: Scope;
  key: string;
  request: FastifyRequest;
  /** Seals stored bodies that hold a secret; absent for other routes. */
  box?: SecretBox;
  write: (db: Store) => Promise<{ status: number; body: string | null }>;
}): Promise<WriteResult> {
  const { db, scope, key, request, box } = options;
  const requestHash = createHash("sha256")
    .update(`${request.method} ${request.url}\n${JSON.stringify(request.body ?? null)}`)
    .digest();
  const boundTo = `${scope.userId}:${key}`;
  return db.transaction(async (transaction) => {
    const begun = await beginIdempotentWrite(transaction, scope, key, requestHash);
    switch (begun.outcome) {
      case "stored":
        return replay(begun.answer, box, boundTo);
      case "idempotency_in_flight":
        throw new AppError(begun.outcome, "Wait for the first request's answer, or send this one again in a moment.", {
          retryAfterSeconds: 1,
        });
      case "idempotency_key_reused":
        throw new AppError(begun.outcome, "Use a new key for a new request, or the same body for the same key.");
    }
    const answer = await runAndKeepRefusal(transaction, request, options.write);
    const body = answer.body !== null && box ? box.seal(answer.body, boundTo).toString("base64") : answer.body;
    await storeIdempotentAnswer(transaction, scope, key, requestHash, {
      status: answer.status,
      headers: { "content-type": answer.contentType },
      body,
    });
    return answer;
  });
}

async function runAndKeepRefusal(
  transaction: Transaction,
  request: FastifyRequest,
  write: (db: Store) => Promise<{ status: number; body: string | null }>,
): Promise<WriteResult> {
  await transaction.query("idempotency_savepoint", "SAVEPOINT idempotent_write");
  try {
    const answer = await write(joinTransaction(transaction));
    return { ...answer, contentType: "application/json; charset=utf-8", replayed: false };
  } catch (error) {
    if (!(error instanceof AppError) || error.status >= 500 || error.status === 429) throw error;
    await transaction.query("idempotency_rollback", "ROLLBACK TO SAVEPOINT idempotent_write");
    const body = JSON.stringify(problemOf(error, request.id));
    return { status: error.status, body, contentType: "application/problem+json", replayed: false };
  }
}

function replay(answer: StoredAnswer, box: SecretBox | undefined, boundTo: string): WriteResult {
  const body = answer.body !== null && box ? box.open(Buffer.from(answer.body, "base64"), boundTo) : answer.body;
  return {
    status: answer.status,
    body,
    contentType: answer.headers["content-type"] ?? "application/json; charset=utf-8",
    replayed: true,
  };
}
