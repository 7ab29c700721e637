export {
  beginIdempotentWrite,
  type IdempotencyOutcome,
  type StoredAnswer,
  storeIdempotentAnswer,
  sweepIdempotencyKeys,
} from "./idempotency-keys.ts";
export { beginIdempotentCall, endIdempotentCall } from "./idempotent-calls.ts";
