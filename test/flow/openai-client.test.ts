import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { readConfig } from "#config";
import { type Muster, startMuster } from "#main";
import { createUser, type TestUser } from "../support/api-client.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startAnthropicServer, startOpenAiServer, type WireServer } from "../support/llm/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// OpenAI's official client, unmodified, against Muster as it starts, with providers of both formats behind it.

let database: TestDatabase;
let openai: WireServer;
let anthropic: WireServer;
let muster: Muster;
let user: TestUser;
let client: OpenAI;
const folder = temporaryFolder();
const answer = {
  text: "Ich sehe nach: größer 🎉.",
  toolCalls: [{ name: "read_file", arguments: '{"path":"Übersicht.md"}' }],
};

before(async () => {
  database = await createTestDatabase();
  openai = await startOpenAiServer({ script: answer });
  anthropic = await startAnthropicServer({ script: answer });
  muster = await startMuster(
    readConfig({
      PORT: "0",
      MUSTER_DATA_DIR: folder.path,
      DATABASE_URL: database.url,
      LOG_LEVEL: "fatal",
      OPENAI_BASE_URL: openai.url,
      OPENAI_API_KEY: "secret-test-key",
      ANTHROPIC_BASE_URL: anthropic.url,
      ANTHROPIC_API_KEY: "secret-test-key",
      MUSTER_BATCH_WAIT_MS: "50",
    }),
    { issueClaim: false },
  );
  user = await createUser(null as never, muster.core.db, { role: "owner" });
  client = new OpenAI({ baseURL: `${muster.url}/v1`, apiKey: user.token, maxRetries: 0 });
});
after(async () => {
  await muster.stop();
  await openai.close();
  await anthropic.close();
  await database.drop();
  await folder.remove();
});

const messages = [{ role: "user" as const, content: "Look into the file." }];
const tools = [
  {
    type: "function" as const,
    function: {
      name: "read_file",
      description: "Reads a file",
      parameters: { type: "object", properties: { path: { type: "string" } } },
    },
  },
];
const providers = {
  "gpt-4o-mini": () => openai,
  "anthropic/claude-sonnet-4-5": () => anthropic,
};

for (const [model, server] of Object.entries(providers)) {
  test(`${model}: chat with tools, its usage that of the provider's ledger`, async () => {
    const completion = await client.chat.completions.create({ model, messages, tools });
    const [choice] = completion.choices;
    assert.equal(choice?.message.content, answer.text);
    assert.equal(choice?.finish_reason, "tool_calls");
    const [call] = choice?.message.tool_calls ?? [];
    assert.ok(call?.type === "function");
    assert.equal(call.function.name, "read_file");
    assert.deepEqual(JSON.parse(call.function.arguments), { path: "Übersicht.md" });
    const bill = server().ledger.at(-1);
    assert.equal(completion.usage?.prompt_tokens, bill?.inputTokens);
    assert.equal(completion.usage?.completion_tokens, bill?.outputTokens);
    // The tool's result goes back as the client gives it.
    await client.chat.completions.create({
      model,
      tools,
      messages: [
        ...messages,
        choice?.message as OpenAI.ChatCompletionMessage,
        { role: "tool", tool_call_id: call.id, content: "The file is empty." },
      ],
    });
    const sent = JSON.stringify(server().requests.at(-1)?.body);
    assert.ok(sent.includes("The file is empty.") && sent.includes(call.id), sent);
  });

  test(`${model}: a stream with tools, collected by the client's own helper; usage only where it is asked for`, async () => {
    const stream = client.chat.completions.stream({ model, messages, tools, stream_options: { include_usage: true } });
    const completion = await stream.finalChatCompletion();
    assert.equal(completion.choices[0]?.message.content, answer.text);
    assert.equal(completion.choices[0]?.finish_reason, "tool_calls");
    const [call] = completion.choices[0]?.message.tool_calls ?? [];
    assert.ok(call?.type === "function");
    assert.deepEqual(JSON.parse(call.function.arguments), { path: "Übersicht.md" });
    assert.equal(completion.usage?.completion_tokens, server().ledger.at(-1)?.outputTokens);
    const chunks = await client.chat.completions.create({ model, messages, stream: true });
    let pieces = 0;
    for await (const chunk of chunks) {
      pieces += 1;
      assert.equal(chunk.usage ?? null, null);
    }
    assert.ok(pieces > 3, `${pieces} chunks`);
  });
}

test("embeddings in the client's own encoding and as numbers; models with the squads", async () => {
  const model = "text-embedding-3-small";
  const encoded = await client.embeddings.create({ model, input: ["one", "two"] });
  const plain = await client.embeddings.create({ model, input: ["one", "two"], encoding_format: "float" });
  assert.deepEqual(
    encoded.data.map(({ embedding }) => embedding.length),
    plain.data.map(({ embedding }) => embedding.length),
  );
  for (const [index, value] of (plain.data[1]?.embedding ?? []).entries()) {
    assert.ok(Math.abs(value - (encoded.data[1]?.embedding[index] ?? Number.NaN)) < 1e-6);
  }
  const squad = await fetch(`${muster.url}/api/v1/squads`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${user.token}` },
    body: JSON.stringify({ template: "web-app", slug: "two" }),
  });
  assert.equal(squad.status, 201, await squad.text());
  const ids = (await client.models.list()).data.map(({ id }) => id);
  for (const id of ["openai/test-model", "anthropic/claude-test", "squad/two"]) assert.ok(ids.includes(id), ids.join());
});

async function failing(call: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const error = await call.then(
    () => assert.fail("should have failed"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof OpenAI.APIError, String(error));
  return error;
}

const facts = ({ status, type, code, param }: InstanceType<typeof OpenAI.APIError>) => [status, type, code, param];

test("errors are the client's own classes, with code, param and request id of OpenAI's shape", async () => {
  const model = "gpt-4o-mini";
  const stranger = new OpenAI({ baseURL: `${muster.url}/v1`, apiKey: "mk_wrong", maxRetries: 0 });
  const unauthorized = await failing(stranger.chat.completions.create({ model, messages }));
  assert.ok(unauthorized instanceof OpenAI.AuthenticationError);
  assert.deepEqual(facts(unauthorized), [401, "authentication_error", "invalid_api_key", null]);
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);

  const unknown = await failing(client.chat.completions.create({ model: "google/gemini-2.5-flash", messages }));
  assert.ok(unknown instanceof OpenAI.NotFoundError);
  assert.deepEqual(facts(unknown), [404, "invalid_request_error", "model_not_found", "model"]);
  await assert.rejects(client.chat.completions.create({ model: "squad/nobody", messages }), OpenAI.NotFoundError);

  const wrong = [{ role: "nobody", content: "x" }] as never;
  const bad = await failing(client.chat.completions.create({ model, messages: wrong }));
  assert.ok(bad instanceof OpenAI.BadRequestError);
  assert.deepEqual(facts(bad), [400, "invalid_request_error", "validation_failed", "messages[0].role"]);
  const embedding = await failing(client.embeddings.create({ model: "text-embedding-3-small", input: [] }));
  assert.ok(embedding instanceof OpenAI.BadRequestError);
  assert.equal(embedding.param, "input");

  const message = "prompt is too long: 208310 tokens > 200000 maximum";
  openai.setFaults({ kind: "status", status: 400, code: "context_length_exceeded", message });
  for (const stream of [false, true]) {
    const long = await failing(client.chat.completions.create({ model, messages, stream }));
    assert.ok(long instanceof OpenAI.BadRequestError);
    assert.deepEqual(facts(long), [400, "invalid_request_error", "context_length_exceeded", "messages"]);
  }
  openai.setFaults({ kind: "status", status: 401 });
  assert.ok((await failing(client.chat.completions.create({ model, messages }))) instanceof OpenAI.InternalServerError);
  openai.setFaults({ kind: "error-event", pieces: 2, type: "server_error", message: "Broken in the middle" });
  await assert.rejects(client.chat.completions.stream({ model, messages }).finalChatCompletion(), /Broken/);
  openai.setFaults(null);
  const seen = Promise.resolve(client.chat.completions.create({ model, messages }));
  assert.equal((await seen).choices[0]?.message.content, answer.text);
});

/** An account of the user's own at the provider, offering one model. */
async function offer(model: string, extra: object = {}): Promise<void> {
  const made = await fetch(`${muster.url}/api/v1/provider-accounts`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${user.token}` },
    body: JSON.stringify({
      kind: "openai_compatible",
      name: model,
      baseUrl: openai.url,
      apiKey: "test-key",
      models: [model],
      allowPrivateAddress: true,
      ...extra,
    }),
  });
  assert.equal(made.status, 201, await made.text());
}

/** A refusal that the client's own retries understand: come back after these seconds. */
function assertRateLimited(error: InstanceType<typeof OpenAI.APIError>, leastSeconds: number): void {
  assert.ok(error instanceof OpenAI.RateLimitError, String(error));
  assert.deepEqual(facts(error), [429, "rate_limit_error", "rate_limit_exceeded", null]);
  assert.match(error.message, /deadline/);
  const seconds = Number(error.headers?.get("retry-after"));
  assert.ok(Number.isInteger(seconds) && seconds >= leastSeconds && seconds <= 65, `Retry-After: ${seconds}`);
}

test("a quota that leaves no room before the deadline is the client's RateLimitError, and no call is made", async () => {
  const model = "openai_compatible/metered";
  await offer("metered", { requestsPerMinute: 1 });
  const soon = { headers: { "x-muster-deadline-ms": "1000" } };
  await client.chat.completions.create({ model, messages }, soon);
  const before = openai.requests.length;
  for (const stream of [false, true]) {
    assertRateLimited(await failing(client.chat.completions.create({ model, messages, stream }, soon)), 30);
  }
  assertRateLimited(await failing(client.completions.create({ model, prompt: "Hello" }, soon)), 30);
  assertRateLimited(await failing(client.embeddings.create({ model, input: "Hello" }, soon)), 30);
  assert.equal(openai.requests.length, before);
});

test("a provider that asks to wait beyond the deadline is asked once, and its Retry-After is the client's", async () => {
  const model = "openai_compatible/resting";
  await offer("resting");
  openai.setFaults({ kind: "status", status: 429, type: "rate_limit_error", headers: { "retry-after": "40" } });
  const before = openai.requests.length;
  const soon = { headers: { "x-muster-deadline-ms": "2000" } };
  for (const stream of [false, true]) {
    assertRateLimited(await failing(client.chat.completions.create({ model, messages, stream }, soon)), 30);
  }
  assert.equal(openai.requests.length, before + 1);
  openai.setFaults(null);
});

test("what is not there or not understood, anywhere under /v1, is an error class of the client", async () => {
  await assert.rejects(client.models.retrieve("nobody"), OpenAI.NotFoundError);
  await assert.rejects(client.files.list(), OpenAI.NotFoundError);
  const model = "google/gemini-2.5-flash";
  await assert.rejects(client.embeddings.create({ model, input: "Hello" }), OpenAI.NotFoundError);
  await assert.rejects(client.completions.create({ model, prompt: "Hello" }), OpenAI.NotFoundError);
  const later = { headers: { "x-muster-deadline-ms": "soon" } };
  await assert.rejects(
    client.chat.completions.create({ model: "gpt-4o-mini", messages }, later),
    OpenAI.BadRequestError,
  );
  const nobody = new OpenAI({ baseURL: `${muster.url}/v1`, apiKey: "mst_nobody", maxRetries: 0 });
  await assert.rejects(nobody.embeddings.create({ model, input: "Hello" }), OpenAI.AuthenticationError);
});
