import assert from "node:assert/strict";
import { test } from "node:test";
import { testCall } from "../../../test/support/llm/gateway-fixture.ts";
import type { LlmCallContext, LlmUsage, ReserveRequest } from "../types.ts";
import { BlockLedger } from "./block-ledger.ts";
import { MemoryLedgerStore } from "./memory-ledger-store.ts";

/* 1,000 is the limit, a token costs 1, input nothing: numbers are those of the tokens. */

/** A store whose first booking takes its time on the way, as on another connection. */
class SlowFirstBooking extends MemoryLedgerStore {
  readonly #bookings: Promise<void>;
  arrive: () => void = () => undefined;
  started = 0;

  constructor() {
    super();
    this.#bookings = new Promise((resolve) => {
      this.arrive = resolve;
    });
  }

  override async settleBlock(blockId: string, spentNanoUsd: number, close: boolean): Promise<void> {
    this.started += 1;
    if (this.started === 1) await this.#bookings;
    await super.settleBlock(blockId, spentNanoUsd, close);
  }
}

function open(waitMs = 60_000, store = new MemoryLedgerStore(), settleMs?: number) {
  store.setBudget("instance", "tenant-1", 1000);
  const ledger = new BlockLedger({
    store,
    now: Date.now,
    waitMs,
    ...(settleMs === undefined ? {} : { settleMs }),
    onError: assert.ifError,
  });
  const context = (extra: Partial<LlmCallContext> = {}) => testCall({}, extra).context;
  const request = ({ callId }: LlmCallContext, maxOutputTokens: number): ReserveRequest => ({
    callId,
    attempt: 1,
    provider: "openai",
    accountId: "a",
    model: "m",
    inputTokens: 0,
    maxOutputTokens,
    minOutputTokens: Math.min(64, maxOutputTokens),
    inputCostNanoUsd: 0,
    outputNanoUsdPerToken: 1,
  });
  return {
    store,
    ledger,
    context,
    reserve: (call: LlmCallContext, tokens: number) => ledger.reserve(request(call, tokens), call),
    settle: (call: LlmCallContext, costNanoUsd: number) =>
      ledger.settle({ callId: call.callId, attempt: 1, outcome: "done", usage: {} as LlmUsage, costNanoUsd }, call),
  };
}

test("at the limit a call waits for what running calls reserved but did not need", async () => {
  const { store, ledger, context, reserve, settle } = open();
  const [first, second] = [context(), context()];
  assert.deepEqual(await reserve(first, 900), { outcome: "granted", maxOutputTokens: 900 });
  let granted = false;
  const waiting = reserve(second, 600).then((outcome) => {
    granted = true;
    return outcome;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(granted, false);
  await settle(first, 300);
  assert.deepEqual(await waiting, { outcome: "granted", maxOutputTokens: 600 });
  await settle(second, 600);
  await ledger.close();
  assert.deepEqual([store.budget("tenant-1")?.spentNanoUsd, store.budget("tenant-1")?.reservedNanoUsd], [900, 0]);
});

test("rests of several blocks make one call: nobody is refused while this process keeps unused money", async () => {
  const { ledger, context, reserve, settle } = open();
  // Each call has a block of twice its size or a quarter of what is left.
  const calls = [context(), context(), context()];
  for (const call of calls) assert.equal((await reserve(call, 200)).outcome, "granted");
  for (const call of calls) await settle(call, 10);
  assert.deepEqual(await reserve(context(), 970), { outcome: "granted", maxOutputTokens: 970 });
  await ledger.close();
});

test("where no settlement can pay the whole answer it is shortened at once, down to its floor, then refused", async () => {
  const { ledger, context, reserve, settle } = open();
  const [first, second] = [context(), context()];
  await reserve(first, 400);
  assert.deepEqual(await reserve(second, 5000), { outcome: "granted", maxOutputTokens: 600 });
  await settle(first, 400);
  await settle(second, 550);
  // 50 are left, fewer than an answer needs.
  assert.deepEqual(await reserve(context(), 100), {
    outcome: "budget_exceeded",
    level: "instance",
    limitNanoUsd: 1000,
    spentNanoUsd: 950,
  });
  await ledger.close();
});

test("the wait ends with its time, with the call's own deadline and when the caller leaves", async () => {
  const short = open(20);
  const running = short.context();
  await short.reserve(running, 990);
  assert.equal((await short.reserve(short.context(), 500)).outcome, "budget_exceeded");
  const long = open();
  await long.reserve(long.context(), 990);
  assert.equal((await long.reserve(long.context({ deadlineMs: Date.now() + 20 }), 500)).outcome, "budget_exceeded");
  const leaving = new AbortController();
  const waiting = long.reserve(long.context({ signal: leaving.signal }), 500);
  await new Promise((resolve) => setImmediate(resolve));
  leaving.abort();
  assert.equal((await waiting).outcome, "budget_exceeded");
});

test("a closing does not overtake a booking under way: nothing that was spent is lost, nothing stays reserved", async () => {
  const store = new SlowFirstBooking();
  const { ledger, context, reserve, settle } = open(60_000, store, 1);
  const [first, second] = [context(), context()];
  await reserve(first, 100);
  await reserve(second, 100);
  await settle(first, 100);
  while (store.started === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await settle(second, 70);
  const closed = ledger.close();
  await new Promise((resolve) => setImmediate(resolve));
  store.arrive();
  await closed;
  assert.deepEqual([store.budget("tenant-1")?.spentNanoUsd, store.budget("tenant-1")?.reservedNanoUsd], [170, 0]);
});

test("who closes waits for blocks that are on their way back already", async () => {
  const store = new SlowFirstBooking();
  const { ledger, context, reserve, settle } = open(60_000, store, 1);
  const call = context();
  await reserve(call, 100);
  await settle(call, 60);
  while (store.started === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const closed = ledger.close();
  setImmediate(store.arrive);
  await closed;
  assert.deepEqual([store.budget("tenant-1")?.spentNanoUsd, store.budget("tenant-1")?.reservedNanoUsd], [60, 0]);
});
