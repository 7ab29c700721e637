import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { AppError } from "#contracts";
import { beginIdempotentCall, type Caller, endIdempotentCall, type Queryable, type Store } from "#domain";
import { idempotencyKeyOf } from "../../plugins/idempotency.ts";

/** One answer for one Idempotency-Key. */
export interface AnswerOnce<Answer> {
  /** Null: no key was sent. */
  key: string | null;
  /** What was answered the first time; null: this is the first time. */
  stored: Answer | null;
  /** Keeps the answer for 24 hours (with `transaction`: when that commits). Before its end is sent: what was shown can be asked for again. */
  keep(answer: Answer, transaction?: Queryable): Promise<void>;
  /** The key is free again. */
  release(): Promise<void>;
}

const nothingToDo = { keep: async () => undefined, release: async () => undefined };

/**
 * Begins what is answered once for each Idempotency-Key, without a transaction: a model may take minutes. The same key
 * with another body is refused (422), while the first request runs too (409).
 */
export async function answerOnce<Answer>(
  db: Store,
  caller: Caller,
  request: FastifyRequest,
): Promise<AnswerOnce<Answer>> {
  const key = idempotencyKeyOf(request);
  if (key === null) return { key, stored: null, ...nothingToDo };
  const hash = createHash("sha256")
    .update(`${request.method} ${request.url}\n${JSON.stringify(request.body ?? null)}`)
    .digest();
  const begun = await beginIdempotentCall(db, caller, key, hash);
  switch (begun.outcome) {
    case "stored":
      return { key, stored: JSON.parse(begun.answer.body ?? "null") as Answer, ...nothingToDo };
    case "idempotency_in_flight":
      throw new AppError(begun.outcome, "Wait for the first request's answer, or send this one again in a moment.", {
        retryAfterSeconds: 1,
      });
    case "idempotency_key_reused":
      throw new AppError(begun.outcome, "Use a new key for a new request, or the same body for the same key.");
    case "first":
      return {
        key,
        stored: null,
        keep: (answer, transaction = db) => endIdempotentCall(transaction, caller, key, JSON.stringify(answer)),
        release: () => endIdempotentCall(db, caller, key, null),
      };
  }
}
