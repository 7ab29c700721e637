import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { LlmError } from "#llm";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { accountOf, deferredFixture, models, until } from "../support/llm/deferred-fixture.ts";
import { startAnthropicServer, startOpenAiServer, type WireServer } from "../support/llm/index.ts";

// What goes wrong with a provider's batch on the way: no call is paid twice, and none of what it may cost is forgotten.

let api: TestApi;
let fixture: ReturnType<typeof deferredFixture>;

before(async () => {
  api = await startTestApi();
  fixture = deferredFixture(api);
});
after(() => api.close());

type Kind = "openai" | "anthropic";
const starters = { openai: startOpenAiServer, anthropic: startAnthropicServer };
/** In nano-USD a token, as live. */
const prices = { openai: [150, 600], anthropic: [3_000, 15_000] } as const;
const batchesPath = { openai: "/batches", anthropic: "/v1/messages/batches" };

const posts = (server: WireServer, pattern: RegExp) =>
  server.requests.filter(({ method, path }) => method === "POST" && pattern.test(path));
const submissions = (server: WireServer) => posts(server, /\/batches$/);
const liveRequests = (server: WireServer) => posts(server, /\/(chat\/completions|messages)$/);

/** A batch of another application over the same account; its answer is lost like any. */
function submitForeign(kind: Kind, server: WireServer, calls: number): void {
  const params = { model: models.anthropic, max_tokens: 9, messages: [{ role: "user", content: "Foreign" }] };
  const requests = Array.from({ length: calls }, (_, index) => ({ custom_id: `foreign-${index}`, params }));
  const order = { input_file_id: "file-foreign", endpoint: "/v1/chat/completions", completion_window: "24h" };
  const body = JSON.stringify(kind === "openai" ? { ...order, metadata: { muster_batch: "another" } } : { requests });
  const headers = { "content-type": "application/json" };
  fetch(`${server.url}${batchesPath[kind]}`, { method: "POST", headers, body }).catch(() => {});
}

for (const kind of ["openai", "anthropic"] as const) {
  test(`over ${kind}: a batch whose answer timed out may run: it is held, found again, and not handed over twice`, {
    timeout: 120_000,
  }, async (t) => {
    const { query, startProcess, defer, newUser, untilState, usageOf, budgetOf, setBudget } = fixture;
    const server = await starters[kind]({ batchAnswerLost: "silent" });
    t.after(() => server.close());
    const user = await newUser();
    await setBudget(user, 10_000_000_000);
    const waits = await defer(user, models[kind], "Waits");
    const leaves = await defer(user, models[kind], "Leaves");
    const most = async () => {
      const { rows } = await query<{ all: number; held: number }>(
        `SELECT sum(most_nano_usd)::float8 AS all, COALESCE(sum(most_nano_usd) FILTER (WHERE hold_id IS NOT NULL), 0)::float8 AS held
         FROM llm_economy_calls WHERE user_id = $1`,
        [user.id],
      );
      return rows[0] as { all: number; held: number };
    };
    const lane = { size: 2, collectMs: 600_000, exchangeMs: 1_000, turnMs: 10_000 };
    // After the time-out it does nothing any more: how things stand until the next look.
    const first = startProcess(accountOf(kind, server, user), { ...lane, pollMs: 600_000 });
    t.after(() => first.stop());
    await until(
      async () => submissions(server).length,
      (count) => count === 1,
    );
    submitForeign(kind, server, kind === "openai" ? 2 : 3);
    const [fault] = await until(
      async () => first.gatewayErrors as LlmError[],
      ({ length }) => length > 0,
    );
    assert.equal(fault?.kind, "timeout_total");
    for (const { id } of [waits, leaves]) await untilState(user, id, "batched");
    const { reserved } = await budgetOf(user);
    assert.ok(reserved >= (await most()).all);

    // One call is cancelled while nobody knows whether the batch runs: what that may cost is held all the same.
    assert.equal((await user.call("POST", `/api/v1/deferred-calls/${leaves.id}/cancel`)).status, 200);
    const { all } = await until(most, ({ held }) => held > 0);
    const held = await budgetOf(user);
    assert.ok(held.spent === 0 && held.reserved < reserved && held.reserved >= all, JSON.stringify(held));
    await first.stop();
    assert.equal(liveRequests(server).length, 0);

    const second = startProcess(accountOf(kind, server, user), lane);
    t.after(() => second.stop());
    const { completion } = await untilState(user, waits.id, "completed");
    assert.equal(completion?.choices[0]?.message.content, "You said: Waits");
    const usage = await until(
      () => usageOf(user),
      ({ length }) => length >= 2,
    );
    await until(
      () => budgetOf(user),
      (budget) => budget.reserved === 0,
    );
    assert.equal(submissions(server).length, 2, "ours once, and the foreign one");
    assert.equal(liveRequests(server).length, 0);
    assert.deepEqual((await usageOf(user)).map(({ outcome }) => outcome).sort(), ["cancelled", "done"]);
    for (const { input, output, cost } of usage) {
      assert.equal(cost, Math.round((input * prices[kind][0] + output * prices[kind][1]) / 2));
    }
    assert.deepEqual(await budgetOf(user), { spent: usage.reduce((sum, { cost }) => sum + cost, 0), reserved: 0 });
    if (kind === "openai") {
      assert.deepEqual(
        server.ledger.map(({ outputTokens }) => outputTokens).sort(),
        usage.map(({ output }) => output).sort(),
      );
    }
  });

  for (const ended of ["expired", "cancelled"] as const) {
    test(`over ${kind}: of a batch that ${ended} what was not done goes live at once; each call is billed once`, {
      timeout: 120_000,
    }, async (t) => {
      const { query, startProcess, defer, newUser, untilState, usageOf, budgetOf, setBudget } = fixture;
      const server = await starters[kind]({ batchesEndEarly: ended });
      t.after(() => server.close());
      const user = await newUser();
      await setBudget(user, 10_000_000_000);
      const late = await defer(user, models[kind], "LATE");
      const done = await defer(user, models[kind], "In time");
      const process = startProcess(accountOf(kind, server, user), { size: 2, collectMs: 600_000 });
      t.after(() => process.stop());
      // Both have a day until their deadline: it is not that which sends one live.
      for (const [{ id }, text] of [
        [late, "LATE"],
        [done, "In time"],
      ] as const) {
        const { completion } = await untilState(user, id, "completed");
        assert.equal(completion?.choices[0]?.message.content, `You said: ${text}`);
      }
      assert.equal(submissions(server).length, 1);
      assert.equal(liveRequests(server).length, 1);
      const [inPrice, outPrice] = prices[kind];
      const { rows } = await query<{ id: string; input: number; output: number; cost: number }>(
        "SELECT id, input_tokens AS input, output_tokens AS output, cost_nano_usd AS cost FROM llm_usage WHERE user_id = $1",
        [user.id],
      );
      assert.equal(rows.length, 2);
      for (const { id, input, output, cost } of rows) {
        const full = input * inPrice + output * outPrice;
        assert.equal(cost, id === late.id ? full : Math.round(full / 2));
      }
      const usage = await usageOf(user);
      assert.ok(usage.every(({ outcome }) => outcome === "done"));
      assert.deepEqual(await budgetOf(user), { spent: usage.reduce((sum, { cost }) => sum + cost, 0), reserved: 0 });
      const batch = await query<{ state: string; failed: number }>(
        "SELECT state, failed_calls AS failed FROM llm_batches WHERE user_id = $1",
        [user.id],
      );
      assert.deepEqual(batch.rows, [{ state: "ended", failed: 0 }]);
    });
  }
}

const faults = [
  ["openai", { status: 500 }],
  ["openai", { status: 429 }],
  ["openai", { code: "request_timeout" }],
  ["anthropic", { type: "api_error" }],
  ["anthropic", { type: "overloaded_error" }],
  ["anthropic", { type: "rate_limit_error" }],
  ["anthropic", { type: "timeout_error" }],
] as const;
for (const [kind, batchFault] of faults) {
  test(`over ${kind}: what failed in its batch by ${Object.values(batchFault)} goes live, once; what was wrong fails`, {
    timeout: 120_000,
  }, async (t) => {
    const { startProcess, defer, newUser, untilState, usageOf, budgetOf, setBudget } = fixture;
    const server = await starters[kind]({ batchFault });
    t.after(() => server.close());
    const user = await newUser();
    await setBudget(user, 10_000_000_000);
    const faulty = await defer(user, models[kind], "FAULT");
    const wrong = await defer(user, models[kind], "FAIL");
    const process = startProcess(accountOf(kind, server, user), { size: 2, collectMs: 600_000 });
    t.after(() => process.stop());
    const { completion } = await untilState(user, faulty.id, "completed");
    assert.equal(completion?.choices[0]?.message.content, "You said: FAULT");
    assert.equal((await untilState(user, wrong.id, "failed")).deferredCall.errorCode, "bad_request");
    assert.equal(submissions(server).length, 1);
    assert.equal(liveRequests(server).length, 1);
    // At the live price, and nothing for the batch.
    const usage = await usageOf(user);
    assert.equal(usage.length, 1);
    const [{ input, output, cost }] = usage as [(typeof usage)[0]];
    assert.equal(cost, input * prices[kind][0] + output * prices[kind][1]);
    assert.deepEqual(await budgetOf(user), { spent: cost, reserved: 0 });
  });
}
