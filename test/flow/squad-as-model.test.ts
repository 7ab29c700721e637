import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { readConfig } from "#config";
import { type Muster, startMuster } from "#main";
import { createUser, type TestUser } from "../support/api-client.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startOpenAiServer, type WireServer } from "../support/llm/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// `model: "squad/SLUG"` with the official client, a real worker in the same process and a provider on the wire.

const plan = JSON.stringify({
  steps: [
    { key: "facts", title: "Collect the facts", owner: "Bob", dependsOn: [], doneCriterion: "There are facts" },
    { key: "check", title: "Check the facts", owner: "Bob", dependsOn: ["facts"], doneCriterion: "Checked" },
  ],
});

let database: TestDatabase;
let provider: WireServer;
let muster: Muster;
let user: TestUser;
let client: OpenAI;
const folder = temporaryFolder();

before(async () => {
  database = await createTestDatabase();
  provider = await startOpenAiServer({
    script: ((body: unknown) => {
      const text = JSON.stringify(body);
      if (text.includes("json_schema")) return { text: plan };
      return { text: `An answer in ${(body as { messages: unknown[] }).messages.length} messages, ünïcode 🙂.` };
    }) as never,
  });
  muster = await startMuster(
    readConfig({
      PORT: "0",
      MUSTER_DATA_DIR: folder.path,
      DATABASE_URL: database.url,
      LOG_LEVEL: "fatal",
      OPENAI_BASE_URL: provider.url,
      OPENAI_API_KEY: "secret-test-key",
    }),
    { issueClaim: false },
  );
  user = await createUser(null as never, muster.core.db);
  client = new OpenAI({ baseURL: `${muster.url}/v1`, apiKey: user.token, maxRetries: 0 });
  const created = await api("POST", "/api/v1/squads", {
    name: "Pair",
    slug: "pair",
    process: "lead",
    goal: "Do it together.",
    members: [
      { name: "Ada", role: "tech-lead", isLead: true, model: "gpt-4o-mini" },
      { name: "Bob", role: "writer", isLead: false, model: "gpt-4o-mini" },
    ],
  });
  assert.equal(created.status, 201, JSON.stringify(created.body));
});
after(async () => {
  await muster.stop();
  await provider.close();
  await database.drop();
  await folder.remove();
});

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
async function api(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
  const answer = await fetch(`${muster.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${user.token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === "" ? null : JSON.parse(text) };
}

const resultOf = async (executionId: string) => (await api("GET", `/api/v1/executions/${executionId}`)).body.execution;
const messages = [{ role: "user" as const, content: "Collect facts about tea." }];

/** Resolves with the execution once it is in one of the states. */
async function ended(executionId: string) {
  await new Promise<void>((resolve, reject) => {
    muster.core.hub.subscribe(executionId, 0, { onEvents: () => undefined, onEnd: resolve, onError: reject });
  });
  return resultOf(executionId);
}

test("as JSON: the lead's answer, its tokens and cost, the execution in a header", async () => {
  const { data, response } = await client.chat.completions.create({ model: "squad/pair", messages }).withResponse();
  const execution = await resultOf(response.headers.get("x-muster-execution") ?? "");
  assert.equal(execution.status, "completed");
  assert.equal(data.choices[0]?.message.content, execution.result.text);
  assert.equal(data.choices[0]?.finish_reason, "stop");
  assert.equal(data.model, "squad/pair");
  assert.equal(data.usage?.prompt_tokens, execution.totals.inputTokens);
  assert.equal(data.usage?.completion_tokens, execution.totals.outputTokens);
  assert.equal(response.headers.get("x-muster-cost-nano-usd"), String(execution.totals.costNanoUsd));
});

test("as a stream: the execution's id before the first text, then the lead's answer as it is written", async () => {
  const { data, response } = await client.chat.completions
    .create({ model: "squad/pair", messages, stream: true, stream_options: { include_usage: true } })
    .withResponse();
  const executionId = response.headers.get("x-muster-execution") ?? "";
  let text = "";
  let chunks = 0;
  let total = 0;
  for await (const chunk of data) {
    const piece = chunk.choices[0]?.delta.content ?? "";
    if (piece !== "") chunks += 1;
    text += piece;
    total = chunk.usage?.total_tokens ?? total;
  }
  const execution = await resultOf(executionId);
  assert.equal(text, execution.result.text);
  assert.ok(chunks >= 1);
  assert.equal(total, execution.totals.inputTokens + execution.totals.outputTokens);
  // Whoever answers a call read the events as they came: the time that they took is on the page, by one clock here.
  const { body } = await api("GET", "/api/v1/performance");
  const row = body.targets.find(({ key }: { key: string }) => key === "event_delivery_p99");
  assert.ok(row.samples > 0 && row.live < 5_000, JSON.stringify(row));
});

test("a client that leaves does not end the execution; its own route cancels it and the stream says so", async () => {
  provider.setFaults({ kind: "slow-first-byte", delayMs: 150 });
  const leaving = new AbortController();
  const left = await client.chat.completions
    .create({ model: "squad/pair", messages, stream: true }, { signal: leaving.signal })
    .withResponse();
  leaving.abort();
  const survived = await ended(left.response.headers.get("x-muster-execution") ?? "");
  assert.equal(survived.status, "completed");

  provider.setFaults({ kind: "headers-then-silence" });
  const running = await client.chat.completions.create({ model: "squad/pair", messages, stream: true }).withResponse();
  const executionId = running.response.headers.get("x-muster-execution") ?? "";
  const cancelled = await api("POST", `/api/v1/executions/${executionId}/cancel`);
  assert.ok(cancelled.status < 300, JSON.stringify(cancelled.body));
  await assert.rejects(async () => {
    for await (const _ of running.data);
  }, /ended as cancelled/);
  assert.equal((await ended(executionId)).status, "cancelled");
  provider.setFaults(null);
  await assert.rejects(client.chat.completions.create({ model: "squad/nobody", messages }), { status: 404 });
});
