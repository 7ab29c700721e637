import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import OpenAI from "openai";
import { readConfig } from "#config";
import { type Muster, startMuster } from "#main";
import { createUser, type TestUser } from "../support/api-client.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startOpenAiServer, type WireServer } from "../support/llm/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// Everything under /v1 over real sockets, with the official client: Muster as it starts, and a provider on the wire.

let database: TestDatabase;
let provider: WireServer;
let muster: Muster;
let user: TestUser;
let client: OpenAI;
const folder = temporaryFolder();

before(async () => {
  database = await createTestDatabase();
  provider = await startOpenAiServer();
  muster = await startMuster(
    readConfig({
      PORT: "0",
      MUSTER_DATA_DIR: folder.path,
      DATABASE_URL: database.url,
      LOG_LEVEL: "fatal",
      OPENAI_BASE_URL: provider.url,
      OPENAI_API_KEY: "secret-test-key",
      MUSTER_BATCH_WAIT_MS: "50",
    }),
    { issueClaim: false },
  );
  user = await createUser(null as never, muster.core.db);
  client = new OpenAI({ baseURL: `${muster.url}/v1`, apiKey: user.token, maxRetries: 0 });
});
after(async () => {
  await muster.stop();
  await provider.close();
  await database.drop();
  await folder.remove();
});

const model = "gpt-4o-mini";
const chat = (content: string, extra: object = {}) => ({
  model,
  messages: [{ role: "user" as const, content }],
  ...extra,
});
const calls = () => provider.requests.length;

function post(path: string, body: object, headers: Record<string, string> = {}, signal?: AbortSignal) {
  return fetch(`${muster.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${user.token}`, ...headers },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
}

interface UsageRow {
  cache_result: string;
  saved: number | null;
  cost: number | null;
  outcome: string;
  estimated: boolean;
  output_tokens: number;
}

/** The bill is written within 100 ms of a call. */
async function usageRows(count: number, wanted: (row: UsageRow) => boolean = () => true): Promise<UsageRow[]> {
  for (const endsAt = Date.now() + 10_000; ; await delay(20)) {
    const { rows } = await muster.core.db.query<UsageRow>(
      "t_usage",
      `SELECT cache_result, saved_nano_usd AS saved, cost_nano_usd AS cost, outcome, estimated, output_tokens
       FROM llm_usage WHERE user_id = $1 ORDER BY at, id`,
      [user.id],
    );
    const found = rows.filter(wanted);
    if (found.length >= count || Date.now() > endsAt) return found;
  }
}

test("text completions: one, several in one request, streamed; errors in OpenAI's shape", async () => {
  const instruct = "gpt-3.5-turbo-instruct";
  const one = await client.completions.create({ model: instruct, prompt: "one" });
  assert.equal(one.choices[0]?.text, "You said: one");
  const before = calls();
  const [several, others] = await Promise.all([
    client.completions.create({ model: instruct, prompt: ["a", "b", "c"] }),
    client.completions.create({ model: instruct, prompt: ["d", "e"] }),
  ]);
  assert.deepEqual(
    several.choices.map((choice) => [choice.index, choice.text]),
    [
      [0, "You said: a"],
      [1, "You said: b"],
      [2, "You said: c"],
    ],
  );
  assert.equal(others.choices[1]?.text, "You said: e");
  assert.equal(calls(), before + 1, "two callers, five prompts, one request");
  const billed = (several.usage?.prompt_tokens ?? 0) + (others.usage?.prompt_tokens ?? 0);
  assert.equal(billed, provider.ledger.at(-1)?.inputTokens);
  let text = "";
  const stream = await client.completions.create({ model: instruct, prompt: "stream it", stream: true });
  for await (const chunk of stream) text += chunk.choices[0]?.text ?? "";
  assert.equal(text, "You said: stream it");
  await assert.rejects(client.completions.create({ model: instruct, prompt: ["good", "FAIL"] }), { status: 400 });
  await assert.rejects(client.completions.create({ model: instruct, prompt: ["a", "b"], stream: true }), {
    status: 400,
  });
  const asChat = await client.completions.create({ model, prompt: ["first", "second"] });
  assert.deepEqual(
    asChat.choices.map((choice) => choice.text),
    ["You said: first", "You said: second"],
  );
});

test("the cache: per call by header or field, its result in a header, the saving on the bill; purged by model and squad", async () => {
  const first = await post("/v1/chat/completions", chat("cached?", { temperature: 0 }));
  assert.equal(first.headers.get("x-muster-cache"), "miss");
  const cost = Number(first.headers.get("x-muster-cost-nano-usd"));
  assert.ok(cost > 0);
  const second = await post("/v1/chat/completions", chat("cached?", { temperature: 0 }));
  assert.equal(second.headers.get("x-muster-cache"), "hit");
  assert.equal(second.headers.get("x-muster-saved-nano-usd"), String(cost));
  const streamed = await post("/v1/chat/completions", chat("cached?", { temperature: 0, stream: true }));
  assert.equal(streamed.headers.get("x-muster-cache"), "hit");
  assert.match(await streamed.text(), /cached\?/);
  const off = await post("/v1/chat/completions", chat("cached?", { temperature: 0, cache: "off" }));
  assert.equal(off.headers.get("x-muster-cache"), "bypass");
  const forced = { "x-muster-cache-control": "force" };
  assert.equal((await post("/v1/chat/completions", chat("warm"), forced)).headers.get("x-muster-cache"), "miss");
  assert.equal((await post("/v1/chat/completions", chat("warm"), forced)).headers.get("x-muster-cache"), "hit");
  assert.equal((await post("/v1/chat/completions", chat("warm"))).headers.get("x-muster-cache"), "bypass");
  assert.equal((await post("/v1/chat/completions", chat("x"), { "x-muster-cache-control": "always" })).status, 400);
  const hits = await usageRows(3, (row) => row.cache_result === "hit");
  assert.equal(hits.length, 3);
  assert.ok(hits.every((row) => row.cost === 0 && (row.saved ?? 0) > 0));

  const purge = async (query: string) => {
    const answer = await fetch(`${muster.url}/api/v1/llm-cache${query}`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${user.token}` },
    });
    return ((await answer.json()) as { purged: number }).purged;
  };
  assert.equal(await purge("?model=another"), 0);
  assert.equal(await purge(`?squadId=${crypto.randomUUID()}`), 0);
  assert.ok((await purge(`?model=${model}`)) >= 2);
  assert.equal((await post("/v1/chat/completions", chat("warm"), forced)).headers.get("x-muster-cache"), "miss");
});

test("usage that was read before the bill of a call was written is not shown after it", async () => {
  const read = async () => {
    const answer = await fetch(`${muster.url}/api/v1/usage/summary?groupBy=day`, {
      headers: { authorization: `Bearer ${user.token}` },
    });
    return ((await answer.json()) as { total: { calls: number } }).total.calls;
  };
  // The bills of the tests before are written by then.
  await delay(300);
  const before = await read();
  assert.equal((await post("/v1/chat/completions", chat("What is on the bill?"))).status, 200);
  // Bills are written in groups: this read comes before it, and what it finds is kept for a minute if nobody says that it is old.
  assert.equal(await read(), before);
  for (let round = 0; round < 100 && (await read()) === before; round++) await delay(20);
  assert.equal(await read(), before + 1);
});

test("a budget and its warning that were read before what a call cost was booked are not shown after it", async () => {
  const read = async (path: string) => {
    const answer = await fetch(`${muster.url}/api/v1${path}`, { headers: { authorization: `Bearer ${user.token}` } });
    return ((await answer.json()) as { data: { spentNanoUsd: number; reservedNanoUsd: number; kind: string }[] }).data;
  };
  const limit = 1_000_000_000;
  const spent = 0.8 * limit - 1;
  await fetch(`${muster.url}/api/v1/budgets/instance`, {
    method: "PUT",
    headers: { "content-type": "application/json", authorization: `Bearer ${user.token}` },
    body: JSON.stringify({ limitNanoUsd: limit, period: "total" }),
  });
  await database.db.query("t_spent", "UPDATE budgets SET spent_nano_usd = $2 WHERE user_id = $1", [user.id, spent]);
  // Both are kept for a minute from here on, and asked for again while the bill is written and after it.
  assert.deepEqual([(await read("/budgets"))[0]?.spentNanoUsd, await read("/notifications")], [spent, []]);
  assert.equal((await post("/v1/chat/completions", chat("What does it cost?"))).status, 200);
  assert.ok((await read("/budgets"))[0]?.reservedNanoUsd, "what the call holds is not shown");
  const ended = async () => {
    const [budget] = await read("/budgets");
    const [notification] = await read("/notifications");
    const stays = budget?.reservedNanoUsd === 0 && budget.spentNanoUsd > spent;
    return stays && notification?.kind === "budget_warning";
  };
  let shown = false;
  for (let round = 0; round < 100 && !shown; round++) {
    shown = await ended();
    if (!shown) await delay(20);
  }
  assert.ok(shown, JSON.stringify([await read("/budgets"), await read("/notifications")]));
  await fetch(`${muster.url}/api/v1/budgets/instance`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${user.token}` },
  });
});

test("a JSON caller's request is not streamed upstream; a deadline that cannot be met is refused", async () => {
  const asked = () => (provider.requests.at(-1)?.body ?? {}) as { stream?: boolean };
  await post("/v1/chat/completions", chat("whole"));
  assert.equal(asked().stream, undefined);
  await (await post("/v1/chat/completions", chat("in parts", { stream: true }))).text();
  assert.equal(asked().stream, true);
  assert.equal((await post("/v1/chat/completions", chat("x"), { "x-muster-deadline-ms": "soon" })).status, 400);
  assert.equal((await post("/v1/chat/completions", chat("x"), { "x-muster-deadline-ms": "60000" })).status, 200);
});

test("an Idempotency-Key gives the same answer again, streamed or not, and calls once", async () => {
  for (const stream of [false, true]) {
    const key = { "idempotency-key": `key-${stream}` };
    const body = chat("only once", { stream });
    const before = calls();
    const first = await post("/v1/chat/completions", body, key);
    const text = await first.text();
    const again = await post("/v1/chat/completions", body, key);
    assert.equal(again.headers.get("idempotency-replayed"), "true");
    if (stream) assert.equal(textOf(await again.text()), textOf(text));
    else assert.equal(await again.text(), text);
    assert.equal(calls(), before + 1);
    assert.equal((await post("/v1/chat/completions", chat("another", { stream }), key)).status, 422);
  }
  provider.setScript({ text: "late", delayMs: 300 });
  const key = { "idempotency-key": "key-in-flight" };
  const running = post("/v1/chat/completions", chat("slow"), key);
  const { length } = provider.requests;
  await provider.received(length + 1);
  assert.equal((await post("/v1/chat/completions", chat("slow"), key)).status, 409);
  assert.equal((await running).status, 200);
  // What failed may be tried again under its key.
  const failing = { "idempotency-key": "key-failing" };
  provider.setFaults({ kind: "status", status: 400 });
  assert.equal((await post("/v1/chat/completions", chat("again"), failing)).status, 400);
  provider.setFaults(null);
  assert.equal((await post("/v1/chat/completions", chat("again"), failing)).status, 200);
});

test("text completions take an Idempotency-Key as chat completions do: arrays, streamed, failed", async () => {
  const instruct = "gpt-3.5-turbo-instruct";
  for (const [name, extra] of [
    ["single", { prompt: "kept" }],
    ["array", { prompt: ["kept a", "kept b"] }],
    ["stream", { prompt: "kept in a stream", stream: true }],
  ] as const) {
    const key = { "idempotency-key": `completion-${name}` };
    const body = { model: instruct, cache: "off", ...extra };
    const before = calls();
    const first = await (await post("/v1/completions", body, key)).text();
    const again = await post("/v1/completions", body, key);
    assert.equal(again.headers.get("idempotency-replayed"), "true", name);
    const text = await again.text();
    if (name === "stream") {
      const words = (stream: string) =>
        [...stream.matchAll(/^data: (\{.*)$/gm)].map(([, json]) => JSON.parse(json as string).choices[0].text).join("");
      assert.equal(words(text), words(first));
      assert.match(text, /data: \[DONE\]/);
    } else assert.equal(text, first);
    assert.equal(calls(), before + 1, name);
    assert.equal((await post("/v1/completions", { ...body, max_tokens: 7 }, key)).status, 422);
  }
  // What failed is not kept: it is tried again under its key.
  const failing = { "idempotency-key": "completion-failing" };
  for (let index = 0; index < 2; index += 1) {
    const answer = await post("/v1/completions", { model: instruct, prompt: ["good", "FAIL"] }, failing);
    assert.deepEqual([answer.status, answer.headers.get("idempotency-replayed")], [400, null]);
  }
});

test("a client that leaves a stream ends the call at the provider; what came is billed as estimated", async () => {
  provider.setScript({ text: "word ".repeat(50) });
  provider.setFaults({ kind: "endless", pieces: 5, everyMs: 20 });
  const leaving = new AbortController();
  const answer = await post("/v1/chat/completions", chat("endless", { stream: true }), {}, leaving.signal);
  const reader = answer.body?.getReader();
  let seen = "";
  while (!seen.includes("word")) seen += new TextDecoder().decode((await reader?.read())?.value);
  leaving.abort();
  const [row] = await usageRows(1, (one) => one.outcome === "cancelled");
  assert.ok(row?.estimated, JSON.stringify(row));
  assert.ok(row.output_tokens > 0 && (row.cost ?? 0) > 0, JSON.stringify(row));
  assert.equal(provider.requests.at(-1)?.aborted, true);
  provider.setFaults(null);
});

/** The text in the chunks of a stream. */
function textOf(stream: string): string {
  return [...stream.matchAll(/^data: (\{.*)$/gm)]
    .map(([, json]) => JSON.parse(json as string).choices[0]?.delta.content ?? "")
    .join("");
}
