import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { cancelBatchJob, listBatchJobs } from "#domain";
import type { LlmError, Query } from "#llm";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { economyGateway, insertUser } from "../../../test/support/llm/economy-fixture.ts";
import { testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startAnthropicServer, startOpenAiServer, type WireServer } from "../../../test/support/llm/index.ts";

let database: TestDatabase;
let query: Query;

before(async () => {
  database = await createTestDatabase();
  const { pool } = database.db;
  query = ((text: string, params: unknown[]) => pool.query(text, params)) as Query;
});
after(() => database.drop());

const model = "gpt-4o-mini";
const question = (content: string) => ({ messages: [{ role: "user" as const, content }] });
/** An account of its own for each test: its batches have the same ids at every test server. */
const accountOf = (kind: "openai" | "anthropic", server: WireServer, tenantId: string) =>
  testAccount(kind, server.url, { id: `account of ${tenantId}` });
const posts = (server: WireServer, pattern: RegExp) =>
  server.requests.filter(({ method, path }) => method === "POST" && pattern.test(path));

async function rowsOf<Row>(text: string, tenantId: string): Promise<Row[]> {
  return (await query<Row>(text, [tenantId])).rows;
}

interface UsageRow {
  lane: string;
  outcome: string;
  cost: number;
}
const usageOf = (tenantId: string) =>
  rowsOf<UsageRow>(
    "SELECT lane, outcome, cost_nano_usd AS cost FROM llm_usage WHERE user_id = $1 ORDER BY at, id",
    tenantId,
  );
const batchesOf = (tenantId: string) =>
  rowsOf<{ id: string; state: string; calls: number; done_calls: number; failed_calls: number; error: string | null }>(
    "SELECT id, state, calls, done_calls, failed_calls, error FROM llm_batches WHERE user_id = $1 ORDER BY created_at",
    tenantId,
  );

/** Waits for a fact in the database that another process brings about. */
async function until<T>(read: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  const endsAt = Date.now() + 60_000;
  for (;;) {
    const value = await read();
    if (isSo(value)) return value;
    assert.ok(Date.now() < endsAt, `not within 60 s: ${JSON.stringify(value)}`);
    await delay(10);
  }
}

for (const kind of ["openai", "anthropic"] as const) {
  test(`over ${kind}: one batch, results by id at half the price, one failure fails one`, async () => {
    const server = await (kind === "openai" ? startOpenAiServer : startAnthropicServer)();
    const tenantId = await insertUser(query);
    const name = kind === "openai" ? model : "claude-sonnet-4-5";
    // The batch is full with the third call; no clock decides, however slow the machine.
    const { gateway, errors } = economyGateway(query, [accountOf(kind, server, tenantId)], { collectMs: 600_000 });
    const outcomes = await Promise.allSettled(
      ["one", "FAIL", "three"].map((content) =>
        gateway.complete(testCall({ model: name, ...question(content) }, { lane: "economy", tenantId })),
      ),
    );
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    const [first, , third] = outcomes;
    assert.ok(first?.status === "fulfilled" && third?.status === "fulfilled");
    assert.equal(first.value.text, "You said: one");
    assert.equal(third.value.text, "You said: three");
    const live = await gateway.complete(testCall({ model: name, ...question("one") }, { tenantId }));
    assert.equal(first.value.usage.inputTokens, live.usage.inputTokens);
    assert.equal(first.value.costNanoUsd, Math.round((live.costNanoUsd as number) / 2));
    assert.equal(posts(server, /\/batches$/).length, 1);
    await gateway.close();
    const usage = await usageOf(tenantId);
    assert.equal(usage.filter((row) => row.lane === "economy").length, 2);
    const [batch] = await batchesOf(tenantId);
    assert.ok(batch && batch.state === "ended");
    assert.deepEqual([batch.calls, batch.done_calls, batch.failed_calls], [3, 2, 1]);
    assert.deepEqual(errors, []);
    await server.close();
  });

  test(`over ${kind}: a submission whose answer never came is found again, not made twice`, async () => {
    const server = await (kind === "openai" ? startOpenAiServer : startAnthropicServer)({
      batchAnswerLost: "cut off",
    });
    const tenantId = await insertUser(query);
    const name = kind === "openai" ? model : "claude-sonnet-4-5";
    const { gateway, errors } = economyGateway(query, [accountOf(kind, server, tenantId)]);
    const reply = await gateway.complete(testCall({ model: name }, { lane: "economy", tenantId }));
    assert.equal(reply.text, "You said: Hello");
    assert.equal(posts(server, /\/batches$/).length, 1);
    assert.equal(errors.length, 1);
    await gateway.close();
    assert.equal((await usageOf(tenantId)).length, 1);
    await server.close();
  });
}

test("killed between submit and poll: another process brings the result home by itself; asked again it is booked once", {
  timeout: 60_000,
}, async () => {
  const server = await startOpenAiServer();
  const tenantId = await insertUser(query);
  const callId = randomUUID();
  const program = fileURLToPath(new URL("../../../test/support/llm/economy-worker.ts", import.meta.url));
  const child = spawn(process.execPath, [program, database.url, server.url, tenantId, callId], { stdio: "inherit" });
  await until(
    () => batchesOf(tenantId),
    ([batch]) => batch?.state === "running",
  );
  child.kill("SIGKILL");
  await once(child, "exit");

  const next = economyGateway(query, [accountOf("openai", server, tenantId)]);
  // Nobody asks for the call: the process goes on with what it finds.
  next.lane.start();
  await until(
    () => batchesOf(tenantId),
    ([batch]) => batch?.state === "ended",
  );
  assert.deepEqual(await usageOf(tenantId), []);
  const ask = () => next.gateway.complete(testCall({ model }, { lane: "economy", tenantId, callId }));
  const reply = await ask();
  assert.equal(reply.text, "You said: Hello");
  // Killed once more before it could journal the answer: the same one, and still one line on the bill.
  assert.equal((await ask()).text, reply.text);
  await next.gateway.close();
  assert.equal(posts(server, /\/batches$/).length, 1);
  const usage = await usageOf(tenantId);
  assert.deepEqual(usage, [{ lane: "economy", outcome: "done", cost: reply.costNanoUsd as number }]);
  assert.equal(server.ledger.length, 1);
  await server.close();
});

test("killed before it was handed over: the next process submits it", async () => {
  const server = await startOpenAiServer();
  const tenantId = await insertUser(query);
  const callId = randomUUID();
  const accounts = [accountOf("openai", server, tenantId)];
  const before = economyGateway(query, accounts, { collectMs: 600_000, pollMs: 600_000 });
  const lost = before.gateway.complete(testCall({ model }, { lane: "economy", tenantId, callId }));
  await until(
    () => rowsOf("SELECT 1 FROM llm_economy_calls WHERE user_id = $1 AND state = 'waiting'", tenantId),
    (rows) => rows.length === 1,
  );
  await Promise.all([assert.rejects(lost, { kind: "cancelled" }), before.gateway.close()]);
  const next = economyGateway(query, accounts);
  next.lane.start();
  await until(
    () => batchesOf(tenantId),
    ([batch]) => batch?.state === "ended",
  );
  await next.gateway.close();
  await server.close();
});

test("a process that ends gives the turn back, also one that only worked for its own calls", {
  timeout: 60_000,
}, async () => {
  const turn = { size: 1, turnMs: 600_000 };
  for (const content of ["one", "two"]) {
    const server = await startOpenAiServer();
    const tenantId = await insertUser(query);
    // Had the one before kept its turn, this one could hand over nothing for ten minutes.
    const { gateway, errors } = economyGateway(query, [accountOf("openai", server, tenantId)], turn);
    const reply = await gateway.complete(testCall({ model, ...question(content) }, { lane: "economy", tenantId }));
    assert.equal(reply.text, `You said: ${content}`);
    await gateway.close();
    assert.deepEqual(errors, []);
    await server.close();
  }
});

test("of several processes one does the work; all get their answers", async () => {
  const server = await startOpenAiServer();
  const tenantId = await insertUser(query);
  const accounts = [accountOf("openai", server, tenantId)];
  const processes = Array.from({ length: 3 }, () => economyGateway(query, accounts, { size: 12, collectMs: 100 }));
  const replies = await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      (processes[index % 3] as (typeof processes)[0]).gateway.complete(
        testCall({ model, ...question(`number ${index}`) }, { lane: "economy", tenantId }),
      ),
    ),
  );
  assert.deepEqual(
    replies.map((reply) => reply.text),
    Array.from({ length: 12 }, (_, index) => `You said: number ${index}`),
  );
  const sent = (await batchesOf(tenantId)).reduce((sum, batch) => sum + batch.calls, 0);
  assert.equal(sent, 12);
  for (const { gateway } of processes) await gateway.close();
  assert.equal((await usageOf(tenantId)).length, 12);
  assert.equal(server.ledger.length, 12);
  await server.close();
});

test("at its deadline a call goes live at the full price and its batch is cancelled; interactive calls never wait", async () => {
  const server = await startOpenAiServer({ batchesNeverEnd: true, batchDoneWhenCancelled: true });
  const tenantId = await insertUser(query);
  const { gateway, lane } = economyGateway(query, [accountOf("openai", server, tenantId)]);
  const deferred = gateway.complete(testCall({ model }, { lane: "economy", tenantId, deadlineMs: Date.now() + 400 }));
  const live = await gateway.complete(testCall({ model }, { tenantId }));
  assert.ok(live.latencyMs < 250);
  const escalated = await deferred;
  assert.equal(escalated.costNanoUsd, live.costNanoUsd);
  lane.start();
  await until(
    () => batchesOf(tenantId),
    ([batch]) => batch?.state === "cancelled",
  );
  await gateway.close();
  // What the provider did for the batch all the same is on the bill, at the batch's price.
  const usage = await usageOf(tenantId);
  const half = Math.round((live.costNanoUsd as number) / 2);
  assert.deepEqual(
    usage.filter((row) => row.outcome === "cancelled"),
    [{ lane: "economy", outcome: "cancelled", cost: half }],
  );
  assert.equal(usage.length, 3);
  assert.equal(server.ledger.length, 3);
  await server.close();
});

test("a batch that its owner cancels ends its calls; asked again they start anew", async () => {
  const server = await startOpenAiServer({ batchesNeverEnd: true });
  const tenantId = await insertUser(query);
  const callId = randomUUID();
  const { gateway, lane } = economyGateway(query, [accountOf("openai", server, tenantId)]);
  lane.start();
  const ask = () => gateway.complete(testCall({ model }, { lane: "economy", tenantId, callId }));
  const cancelled = ask().then(
    () => assert.fail("it was answered"),
    (error: LlmError) => error,
  );
  const [batch] = await until(
    () => batchesOf(tenantId),
    ([first]) => first?.state === "running",
  );
  const other = { userId: await insertUser(query) };
  assert.equal((await cancelBatchJob(database.db, other, batch?.id ?? "")).outcome, "not_found");
  const told = await cancelBatchJob(database.db, { userId: tenantId }, batch?.id ?? "");
  assert.ok(told.outcome === "ok" && told.batchJob.state === "cancelling" && told.batchJob.leftCalls === 1);
  assert.equal((await cancelled).kind, "cancelled");
  await until(
    () => batchesOf(tenantId),
    ([first]) => first?.state === "cancelled",
  );
  assert.equal(posts(server, /\/cancel$/).length, 1);
  const again = ask();
  again.catch(() => {});
  await until(
    () => batchesOf(tenantId),
    (batches) => batches.length === 2,
  );
  const seen = await listBatchJobs(database.db, { userId: tenantId }, {});
  assert.deepEqual(
    seen.data.map(({ calls, model: name, state }) => [calls, name, state === "cancelled"]),
    [
      [1, model, false],
      [1, model, true],
    ],
  );
  assert.ok(Date.parse(seen.data[0]?.deadlineAt ?? "") > Date.now());
  assert.deepEqual((await listBatchJobs(database.db, other, {})).data, []);
  await gateway.close();
  await assert.rejects(again, { kind: "cancelled" });
  await server.close();
});

test("a batch that the provider refuses sends its calls live; so does a provider account that is gone", async () => {
  const server = await startOpenAiServer({ apiKey: "test-key" });
  const tenantId = await insertUser(query);
  const account = accountOf("openai", server, tenantId);
  const accounts = [account];
  const { gateway } = economyGateway(query, accounts, { collectMs: 60 });
  const deferred = gateway.complete(testCall({ model }, { lane: "economy", tenantId }));
  await until(
    () => rowsOf("SELECT 1 FROM llm_economy_calls WHERE user_id = $1", tenantId),
    (rows) => rows.length === 1,
  );
  accounts.length = 0;
  assert.equal((await deferred).text, "You said: Hello");
  const [batch] = await batchesOf(tenantId);
  assert.equal(batch?.state, "failed");
  assert.match(batch?.error ?? "", /account is gone/);
  await gateway.close();
  await server.close();
});

for (const [what, patienceHours] of [
  ["the provider refuses to be asked about", 48],
  ["cannot be asked about for an outage", 30 * 24],
] as const) {
  test(`a batch that ${what} is given up after ${patienceHours} hours, not before`, async () => {
    const server = await startOpenAiServer({ batchesNeverEnd: true });
    const tenantId = await insertUser(query);
    const accounts = [accountOf("openai", server, tenantId)];
    let hoursLater = 0;
    const { gateway, lane, errors } = economyGateway(query, accounts, {
      now: () => Date.now() + hoursLater * 3_600_000,
      patienceMs: 90 * 24 * 3_600_000,
    });
    lane.start();
    const failed = assert.rejects(gateway.complete(testCall({ model }, { lane: "economy", tenantId })), /batch/);
    await until(
      () => batchesOf(tenantId),
      ([batch]) => batch?.state === "running",
    );
    // Another server answers 404 to the batch's id; one that is closed answers nothing.
    const other = await startOpenAiServer();
    const outage = patienceHours > 48;
    if (outage) await other.close();
    accounts[0] = accountOf("openai", other, tenantId);
    hoursLater = patienceHours - 1;
    const seen = errors.length;
    await until(
      async () => errors.length,
      (count) => count >= seen + 3,
    );
    assert.equal((await batchesOf(tenantId))[0]?.state, "running");
    hoursLater = patienceHours + 1;
    await failed;
    assert.equal((await batchesOf(tenantId))[0]?.state, "failed");
    const [bill] = await usageOf(tenantId);
    assert.ok(bill?.outcome === "lost" && bill.cost > 0);
    await gateway.close();
    await server.close();
    if (!outage) await other.close();
  });
}
