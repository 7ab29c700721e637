import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Store } from "#domain";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { accountOf, batches, deferredFixture, models, until } from "../support/llm/deferred-fixture.ts";
import { startOpenAiServer } from "../support/llm/index.ts";

// A process that dies, or seems to, in the middle of a deferred call's live request (ADR 0070): two runners, one database.

let api: TestApi;
let fixture: ReturnType<typeof deferredFixture>;

before(async () => {
  api = await startTestApi();
  fixture = deferredFixture(api);
});
after(() => api.close());

const program = fileURLToPath(new URL("../support/llm/deferred-worker.ts", import.meta.url));

for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
  test(`${signal} in the middle of the live request: the first counts as lost, the next is answered and billed once`, {
    timeout: 120_000,
  }, async (t) => {
    const { startProcess, defer, newUser, untilState, usageOf, budgetOf, setBudget } = fixture;
    let answer = (): void => {};
    const second = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const server = await startOpenAiServer({
      // The first request is never answered, the second when the test says so.
      script: async (_: never, index: number) => {
        await (index === 0 ? new Promise<never>(() => {}) : second);
        return { text: "At last." };
      },
    });
    t.after(() => server.close());
    const liveRequests = () => server.requests.filter(({ path }) => path.endsWith("/chat/completions"));
    const asked = (count: number) =>
      until(
        async () => liveRequests().length,
        (length) => length === count,
      );
    const user = await newUser();
    await setBudget(user, 1_000_000_000);
    const { id } = await defer(user, models.openai, "Hello", { "x-muster-deadline-ms": "1" });
    const child = spawn(process.execPath, [program, api.database.url, server.url, user.id], { stdio: "inherit" });
    const exit = once(child, "exit");
    t.after(() => child.kill("SIGKILL"));
    await asked(1);
    const { spent, reserved } = await budgetOf(user);
    assert.ok(spent === 0 && reserved > 0);
    child.kill(signal);

    const next = startProcess(accountOf("openai", server, user), { collectMs: 600_000 });
    t.after(() => next.stop());
    await asked(2);
    assert.deepEqual(await budgetOf(user), { spent: reserved, reserved }, "the first is lost, the second reserved");
    if (signal === "SIGSTOP") {
      // It wakes, finds that the call is another's, and must settle nothing of it.
      child.kill("SIGCONT");
      await until(
        async () => liveRequests()[0]?.aborted,
        (aborted) => aborted === true,
      );
      child.kill("SIGTERM");
      await exit;
      assert.deepEqual(await budgetOf(user), { spent: reserved, reserved });
    }
    answer();
    const { deferredCall, completion } = await untilState(user, id, "completed");
    assert.equal(completion?.choices[0]?.message.content, "At last.");
    await next.stop();
    const cost = deferredCall.costNanoUsd as number;
    assert.deepEqual(await budgetOf(user), { spent: reserved + cost, reserved: 0 });
    assert.deepEqual(
      (await usageOf(user)).map((row) => [row.outcome, row.cost]),
      [
        ["lost", reserved],
        ["done", cost],
      ],
    );
  });
}

test("the database is away when a paid answer is to be written: the answer is kept, and nothing is asked again", async (t) => {
  const { startProcess, defer, newUser, untilState, usageOf, budgetOf, setBudget } = fixture;
  const server = await startOpenAiServer();
  t.after(() => server.close());
  const user = await newUser();
  await setBudget(user, 1_000_000_000);
  const { id } = await defer(user, models.openai, "Hello", { "x-muster-deadline-ms": "1" });
  const { db } = api.database;
  let refused = 0;
  const flaky: Store = {
    query: db.query,
    transaction(work) {
      refused += 1;
      return refused <= 3 ? Promise.reject(new Error("The server is starting up.")) : db.transaction(work);
    },
  };
  const process = startProcess(accountOf("openai", server, user), { collectMs: 600_000 }, { db: flaky });
  const { deferredCall } = await untilState(user, id, "completed");
  assert.equal(process.errors.splice(0).length, 3);
  await process.stop();
  assert.equal(server.ledger.length, 1);
  assert.deepEqual(
    (await usageOf(user)).map((row) => [row.outcome, row.cost]),
    [["done", deferredCall.costNanoUsd]],
  );
  assert.deepEqual(await budgetOf(user), { spent: deferredCall.costNanoUsd, reserved: 0 });
});

test("the database stays away: the writer of an answer waits between its tries, and a process told to stop ends it", {
  timeout: 120_000,
}, async (t) => {
  const { startProcess, defer, newUser, untilState, usageOf, budgetOf, setBudget } = fixture;
  const server = await startOpenAiServer();
  t.after(() => server.close());
  const user = await newUser();
  await setBudget(user, 1_000_000_000);
  const { id } = await defer(user, models.openai);
  const { db } = api.database;
  let tries = 0;
  const away: Store = {
    query: db.query,
    transaction() {
      tries += 1;
      return Promise.reject(new Error("The server is starting up."));
    },
  };
  const account = accountOf("openai", server, user);
  // Ten minutes between two tries: one that does not wait, or does not end when told to, is found out.
  const first = startProcess(account, { size: 1 }, { db: away, pollMs: 600_000 });
  await until(
    async () => tries,
    (count) => count > 0,
  );
  // Meanwhile another call goes all its way, in another process.
  const second = startProcess(account, { size: 1 });
  const other = await defer(user, models.openai, "Another");
  await untilState(user, other.id, "completed");
  assert.equal(tries, 1);
  // It names the faults that the first has met.
  await assert.rejects(first.stop(), /The server is starting up/);
  assert.equal(tries, 2, "once more, and no more");

  // The answer is the batch's: the next process gets it again, paid once.
  await untilState(user, id, "completed");
  await second.stop();
  assert.equal(batches(server), 2);
  assert.equal(server.ledger.length, 2);
  const usage = await usageOf(user);
  assert.deepEqual(
    usage.map(({ outcome, input, output }) => [outcome, input, output]).sort(),
    server.ledger.map(({ inputTokens, outputTokens }) => ["done", inputTokens, outputTokens]).sort(),
  );
  assert.deepEqual(await budgetOf(user), { spent: usage.reduce((sum, { cost }) => sum + cost, 0), reserved: 0 });
});
