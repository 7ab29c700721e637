import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { LlmError } from "#llm";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { accountOf, batches, deferredFixture, models, until } from "../support/llm/deferred-fixture.ts";
import { startAnthropicServer, type WireServer } from "../support/llm/index.ts";

// Anthropic keeps no label on a batch: what may be ours is told from a foreign one by the lines of its results, and never touched before.

let api: TestApi;
let fixture: ReturnType<typeof deferredFixture>;

before(async () => {
  api = await startTestApi();
  fixture = deferredFixture(api);
});
after(() => api.close());

const isForeign = (ids: string[]): boolean => ids.every((id) => id.startsWith("foreign-"));
const requestsOf = (server: WireServer, method: string, pattern: RegExp) =>
  server.requests.filter((request) => request.method === method && pattern.test(request.path)).length;
const cancels = (server: WireServer) => requestsOf(server, "POST", /\/cancel$/);
const liveRequests = (server: WireServer) => requestsOf(server, "POST", /\/messages$/);
const searches = (server: WireServer) => requestsOf(server, "GET", /\/batches\?/);

/** A batch of another application over the same account; resolves with its id. */
async function submitForeign(server: WireServer, calls: number): Promise<string> {
  const params = { model: models.anthropic, max_tokens: 9, messages: [{ role: "user", content: "Foreign" }] };
  const requests = Array.from({ length: calls }, (_, index) => ({ custom_id: `foreign-${index}`, params }));
  const headers = { "content-type": "application/json", "anthropic-version": "2023-06-01" };
  const body = JSON.stringify({ requests });
  const answer = await fetch(`${server.url}/v1/messages/batches`, { method: "POST", headers, body });
  return ((await answer.json()) as { id: string }).id;
}

/** A server whose foreign batches run until they are released, and whose answers to our submissions are given, in order. */
async function scene(ours: (number | "cut off")[]) {
  let released = false;
  const server = await startAnthropicServer({
    batchSubmission: (ids) => (isForeign(ids) ? "taken" : (ours.shift() ?? "taken")),
    batchMayEnd: (ids) => !isForeign(ids) || released,
  });
  const user = await fixture.newUser();
  await fixture.setBudget(user, 10_000_000_000);
  const batchOf = async () => {
    const { rows } = await fixture.query<{ state: string; attempts: number; sent: number; foreign: string[] }>(
      "SELECT state, attempts, sent_calls AS sent, foreign_ids AS foreign FROM llm_batches WHERE user_id = $1",
      [user.id],
    );
    assert.ok(rows.length <= 1);
    return rows[0];
  };
  return { server, user, account: accountOf("anthropic", server, user), batchOf, release: () => (released = true) };
}

const lane = { size: 1, collectMs: 600_000, turnMs: 10_000 };

test("a foreign batch of the same size is waited for, not taken; when it has ended ours is sent again", {
  timeout: 120_000,
}, async (t) => {
  const { server, user, account, batchOf, release } = await scene([500]);
  t.after(() => server.close());
  const foreign = [await submitForeign(server, 1), await submitForeign(server, 1)];
  const { id } = await fixture.defer(user, models.anthropic, "Mine");
  const process = fixture.startProcess(account, lane);
  t.after(() => process.stop());
  // It has looked at both more than once.
  const looks = () => foreign.map((one) => requestsOf(server, "GET", new RegExp(`/${one}$`)));
  await until(
    async () => looks(),
    (counts) => counts.every((count) => count >= 3),
  );
  assert.equal(batches(server), 3, "two foreign ones, and ours once");
  assert.equal((await fixture.read(user, id)).deferredCall.state, "batched");
  release();
  const { completion } = await fixture.untilState(user, id, "completed");
  assert.equal(completion?.choices[0]?.message.content, "You said: Mine");
  assert.equal(batches(server), 4);
  assert.deepEqual([cancels(server), liveRequests(server)], [0, 0]);
  assert.deepEqual((await batchOf())?.foreign.sort(), foreign);
  // The results of a foreign one are read once.
  assert.equal(requestsOf(server, "GET", /\/results$/), 3);
  const [usage] = await fixture.usageOf(user);
  assert.deepEqual(await fixture.budgetOf(user), { spent: usage?.cost, reserved: 0 });
});

test("at its deadline the call goes live; what the batch may cost is held until it is known to be foreign", {
  timeout: 120_000,
}, async (t) => {
  const { server, user, account, batchOf, release } = await scene([500]);
  t.after(() => server.close());
  await submitForeign(server, 1);
  const { id } = await fixture.defer(user, models.anthropic, "Mine", { "x-muster-deadline-ms": "1500" });
  const process = fixture.startProcess(account, lane);
  t.after(() => process.stop());
  await fixture.untilState(user, id, "completed");
  await until(batchOf, (batch) => batch?.state === "cancelling");
  const [usage] = await fixture.usageOf(user);
  const held = await fixture.budgetOf(user);
  assert.ok(held.spent === usage?.cost && held.reserved > 0, JSON.stringify(held));
  const seen = searches(server);
  await until(
    async () => searches(server),
    (count) => count >= seen + 3,
  );
  assert.deepEqual([cancels(server), liveRequests(server), batches(server)], [0, 1, 2]);
  assert.deepEqual(await fixture.budgetOf(user), held);
  release();
  await until(batchOf, (batch) => batch?.state === "cancelled");
  assert.deepEqual([cancels(server), batches(server)], [0, 2]);
  assert.deepEqual(await fixture.budgetOf(user), { spent: usage?.cost, reserved: 0 });
});

test("beside foreign batches of its size ours is found, by its results", {
  timeout: 120_000,
}, async (t) => {
  const { server, user, account, batchOf, release } = await scene(["cut off"]);
  t.after(() => server.close());
  await submitForeign(server, 1);
  const { id } = await fixture.defer(user, models.anthropic, "Mine");
  const process = fixture.startProcess(account, lane);
  t.after(() => process.stop());
  await submitForeign(server, 1);
  const { completion } = await fixture.untilState(user, id, "completed");
  assert.equal(completion?.choices[0]?.message.content, "You said: Mine");
  release();
  await until(batchOf, (batch) => batch?.state === "ended");
  assert.deepEqual([cancels(server), liveRequests(server), batches(server)], [0, 0, 3]);
  assert.equal((await fixture.usageOf(user)).length, 1);
});

test("after a plain refusal nothing is looked for: it is sent again", { timeout: 120_000 }, async (t) => {
  const { server, user, account, batchOf } = await scene([429, 429]);
  t.after(() => server.close());
  await submitForeign(server, 1);
  const { id } = await fixture.defer(user, models.anthropic, "Mine");
  const process = fixture.startProcess(account, lane);
  t.after(() => process.stop());
  const { completion } = await fixture.untilState(user, id, "completed");
  assert.equal(completion?.choices[0]?.message.content, "You said: Mine");
  assert.deepEqual([searches(server), cancels(server), liveRequests(server), batches(server)], [0, 0, 0, 4]);
  assert.equal((await batchOf())?.attempts, 1);
});

test("a submission that is repeated without a call that has left is found by what it had", {
  timeout: 120_000,
}, async (t) => {
  const { server, user, account, batchOf } = await scene([500, "cut off"]);
  t.after(() => server.close());
  const stays = await fixture.defer(user, models.anthropic, "Stays");
  const leaves = await fixture.defer(user, models.anthropic, "Leaves");
  const two = { ...lane, size: 2 };
  const first = fixture.startProcess(account, { ...two, pollMs: 600_000 });
  t.after(() => first.stop());
  await until(
    async () => first.gatewayErrors as LlmError[],
    ({ length }) => length > 0,
  );
  assert.equal((await user.call("POST", `/api/v1/deferred-calls/${leaves.id}/cancel`)).status, 200);
  await first.stop();
  const second = fixture.startProcess(account, two);
  t.after(() => second.stop());
  const { completion } = await fixture.untilState(user, stays.id, "completed");
  assert.equal(completion?.choices[0]?.message.content, "You said: Stays");
  await until(batchOf, (batch) => batch?.state === "ended");
  assert.equal((await batchOf())?.sent, 1);
  assert.deepEqual([batches(server), liveRequests(server)], [2, 0]);
  assert.equal((await fixture.usageOf(user)).length, 1);
});
