import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DeferredCallPage } from "#contracts";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { accountOf, batches, deferredFixture, models, until } from "../support/llm/deferred-fixture.ts";
import { economyGateway } from "../support/llm/economy-fixture.ts";
import { startAnthropicServer, startOpenAiServer } from "../support/llm/index.ts";

// A single chat completion that waits for its provider's batch: from its 202 to its answer, over the providers' wires.

let api: TestApi;
let fixture: ReturnType<typeof deferredFixture>;

before(async () => {
  api = await startTestApi();
  fixture = deferredFixture(api);
});
after(() => api.close());

for (const kind of ["openai", "anthropic"] as const) {
  test(`over ${kind}: accepted, its process dies, the next brings the answer at the batch's price`, async () => {
    const { startProcess, defer, newUser, untilState, usageOf, budgetOf, setBudget } = fixture;
    const server = await (kind === "openai" ? startOpenAiServer : startAnthropicServer)();
    const user = await newUser();
    await setBudget(user, 1_000_000_000);
    const accepted = await defer(user, models[kind]);
    assert.equal(accepted.state, "waiting");
    // The first process hands it over and never asks after it.
    const first = startProcess(accountOf(kind, server, user), { size: 1, pollMs: 600_000 });
    const batched = await untilState(user, accepted.id, "batched");
    assert.equal(batched.completion, null);
    await first.stop();
    assert.ok((await budgetOf(user)).reserved > 0, "what its batch may cost stays reserved while nobody works it");

    const second = startProcess(accountOf(kind, server, user));
    const { completion, deferredCall } = await untilState(user, accepted.id, "completed");
    assert.equal(completion?.object, "chat.completion");
    assert.equal(completion?.choices[0]?.message.content, "You said: Hello");
    await second.stop();
    assert.equal(batches(server), 1);
    const usage = await usageOf(user);
    assert.equal(usage.length, 1);
    const [row] = usage;
    assert.deepEqual([row?.lane, row?.outcome, row?.cost], ["economy", "done", deferredCall.costNanoUsd]);
    if (kind === "openai") {
      const [billed] = server.ledger;
      assert.deepEqual([row?.input, row?.output], [billed?.inputTokens, billed?.outputTokens]);
    }
    const [inPrice, outPrice] = kind === "openai" ? [150, 600] : [3_000, 15_000];
    const full = (row?.input ?? 0) * inPrice + (row?.output ?? 0) * outPrice;
    assert.equal(row?.cost, Math.round(full / 2));
    assert.deepEqual(await budgetOf(user), { spent: row?.cost, reserved: 0 });
    await server.close();
  });
}

test("at its deadline it is asked live with no client waiting, at the full price", async () => {
  const { startProcess, defer, newUser, untilState, usageOf } = fixture;
  const server = await startOpenAiServer({ batchesNeverEnd: true });
  const user = await newUser();
  const accepted = await defer(user, models.openai, "Hello", { "x-muster-deadline-ms": "300" });
  const process = startProcess(accountOf("openai", server, user));
  const { completion } = await untilState(user, accepted.id, "completed");
  assert.equal(completion?.choices[0]?.message.content, "You said: Hello");
  await process.stop();
  const [row] = await usageOf(user);
  assert.equal(row?.cost, (row?.input ?? 0) * 150 + (row?.output ?? 0) * 600);
  await server.close();
});

test("a budget holds what the batch may still answer beside the live call; without room for both the batch decides", async () => {
  const { query, startProcess, defer, read, newUser, untilState, usageOf, budgetOf, setBudget } = fixture;
  const server = await startOpenAiServer({ batchesNeverEnd: true, batchDoneWhenCancelled: true });
  const user = await newUser();
  await setBudget(user, 1_000_000_000);
  const accepted = await defer(user, models.openai, "Hello", { "x-muster-deadline-ms": "500" });
  const first = startProcess(accountOf("openai", server, user), { collectMs: 0 });
  await until(
    () => budgetOf(user),
    ({ reserved }) => reserved > 0,
  );
  await untilState(user, accepted.id, "completed");
  // Both are billed: the live answer, and that of the batch, which the provider had done when it was cancelled.
  const usage = await until(
    () => usageOf(user),
    (rows) => rows.length === 2,
  );
  const both = usage.reduce((sum, { cost }) => sum + cost, 0);
  await until(
    () => budgetOf(user),
    ({ reserved }) => reserved === 0,
  );
  assert.deepEqual(await budgetOf(user), { spent: both, reserved: 0 });
  await first.stop();

  // Room for the live call alone (and so for the batch), not for both.
  const poor = await newUser();
  await setBudget(poor, 150_000);
  const waiting = await defer(poor, models.openai, "Hello", { "x-muster-deadline-ms": "200" });
  const second = startProcess(accountOf("openai", server, poor), { collectMs: 0 });
  await until(
    async () =>
      (
        await query<{ late: boolean }>(
          "SELECT deadline_at < now() - interval '300 ms' AS late FROM deferred_calls WHERE id = $1",
          [waiting.id],
        )
      ).rows[0],
    (row) => row?.late === true,
  );
  assert.equal((await read(poor, waiting.id)).deferredCall.state, "batched");
  await second.stop();
  await server.close();
});

test("a provider account that goes while its batch runs: the call fails, and the most that it could cost is spent", async () => {
  const { query, startProcess, defer, newUser, untilState, usageOf, budgetOf, setBudget } = fixture;
  const server = await startOpenAiServer({ batchesNeverEnd: true });
  const user = await newUser();
  await setBudget(user, 1_000_000_000);
  const accounts = [accountOf("openai", server, user)];
  const process = startProcess(accounts);
  // One waits for its batch, one has left it for the live endpoint.
  const waiting = await defer(user, models.openai, "Waits");
  const left = await defer(user, models.openai, "Leaves", { "x-muster-deadline-ms": "1500" });
  await untilState(user, left.id, "completed");
  const [live] = await usageOf(user);
  const { reserved } = await budgetOf(user);
  const most = await query<{ most: number }>(
    "SELECT sum(most_nano_usd)::bigint AS most FROM llm_economy_calls WHERE user_id = $1",
    [user.id],
  );
  accounts.length = 0;
  const failed = await untilState(user, waiting.id, "failed");
  assert.match(failed.deferredCall.error ?? "", /account is gone/);
  await until(
    () => budgetOf(user),
    (budget) => budget.reserved === 0,
  );
  const { spent } = await budgetOf(user);
  assert.equal(spent, Number(most.rows[0]?.most) + (live?.cost ?? 0));
  assert.ok(spent <= reserved + (live?.cost ?? 0), "no more than was held before");
  await process.stop();
  await server.close();
});

test("cancelled, it ends at once, its batch is cancelled, and what that had done is within the budget", async () => {
  const { startProcess, defer, newUser, untilState, usageOf, budgetOf, setBudget } = fixture;
  const server = await startOpenAiServer({ batchesNeverEnd: true, batchDoneWhenCancelled: true });
  const [user, other] = [await newUser(), await newUser()];
  await setBudget(user, 1_000_000_000);
  const { id } = await defer(user, models.openai);
  const process = startProcess(accountOf("openai", server, user), { pollMs: 50 });
  await untilState(user, id, "batched");
  // Cancelled before it is with the provider it costs nothing, and there is no bill to wait for.
  await until(
    async () => batches(server),
    (count) => count === 1,
  );
  for (const [method, path] of [
    ["GET", `/api/v1/deferred-calls/${id}`],
    ["POST", `/api/v1/deferred-calls/${id}/cancel`],
  ] as const) {
    assert.equal((await other.call(method, path)).status, 404);
  }
  assert.deepEqual(((await other.call("GET", "/api/v1/deferred-calls")).body as DeferredCallPage).data, []);
  for (let round = 0; round < 2; round += 1) {
    const { status, body } = await user.call("POST", `/api/v1/deferred-calls/${id}/cancel`);
    assert.deepEqual([status, body.deferredCall.state], [200, "cancelled"]);
  }
  const [bill] = await until(
    () => usageOf(user),
    (rows) => rows.length === 1,
  );
  assert.equal(bill?.outcome, "cancelled");
  await until(
    () => budgetOf(user),
    ({ reserved }) => reserved === 0,
  );
  assert.deepEqual(await budgetOf(user), { spent: bill?.cost, reserved: 0 });
  await process.stop();
  await server.close();
});

test("answered while no process works it, then cancelled: the answer is billed and within the budget", async () => {
  const { query, startProcess, defer, newUser, untilState, usageOf, budgetOf, setBudget } = fixture;
  const server = await startOpenAiServer();
  const user = await newUser();
  await setBudget(user, 1_000_000_000);
  const { id } = await defer(user, models.openai);
  const account = accountOf("openai", server, user);
  const first = startProcess(account, { size: 1, pollMs: 600_000 });
  await untilState(user, id, "batched");
  await first.stop();
  // Follows batches, works no calls.
  const follower = economyGateway(query, [account]);
  follower.lane.start();
  await until(
    () => query("SELECT 1 FROM llm_economy_calls WHERE call_id = $1 AND state = 'done'", [id]),
    ({ rowCount }) => rowCount === 1,
  );
  await follower.gateway.close();
  assert.equal((await user.call("POST", `/api/v1/deferred-calls/${id}/cancel`)).status, 200);
  const next = startProcess(account);
  const [bill] = await until(
    () => usageOf(user),
    (rows) => rows.length > 0,
  );
  const [line] = server.ledger;
  assert.equal(bill?.cost, Math.round(((line?.inputTokens ?? 0) * 150 + (line?.outputTokens ?? 0) * 600) / 2));
  assert.equal(bill?.outcome, "cancelled");
  assert.deepEqual(await budgetOf(user), { spent: bill?.cost, reserved: 0 });
  await next.stop();
  await server.close();
});

test("a call that cannot be made says why; a key gives the same call; what cannot be deferred is refused", async () => {
  const { startProcess, defer, newUser, untilState, setBudget } = fixture;
  const server = await startOpenAiServer();
  const user = await newUser();
  await setBudget(user, 10);
  const headers = { "idempotency-key": "once" };
  const first = await defer(user, models.openai, "Hello", headers);
  assert.equal((await defer(user, models.openai, "Hello", headers)).id, first.id);
  const process = startProcess(accountOf("openai", server, user));
  const failed = await untilState(user, first.id, "failed");
  assert.equal(failed.deferredCall.errorCode, "budget_exceeded");
  assert.equal((await user.call("POST", `/api/v1/deferred-calls/${first.id}/cancel`)).status, 409);
  const listed = (await user.call("GET", "/api/v1/deferred-calls")).body as DeferredCallPage;
  assert.deepEqual(
    listed.data.map(({ id }) => id),
    [first.id],
  );
  const messages = [{ role: "user", content: "Hello" }];
  const lane = { "x-muster-lane": "deferred" };
  const streamed = await user.call(
    "POST",
    "/v1/chat/completions",
    { model: models.openai, messages, stream: true },
    lane,
  );
  assert.equal(streamed.status, 400);
  assert.match(JSON.stringify(streamed.body), /a deferred call has no stream/);
  const squad = await user.call("POST", "/v1/chat/completions", { model: "squad/pair", messages }, lane);
  assert.equal(squad.status, 400);
  await process.stop();
  assert.equal(batches(server), 0);
  await server.close();
});
