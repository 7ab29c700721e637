import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readConfig } from "#config";
import type { ProviderAccountAnswer } from "#contracts";
import { type Muster, startMuster } from "#main";
import { createUser, type TestUser } from "../support/api-client.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startOpenAiServer, startResponsesServer, type WireServer } from "../support/llm/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// The format of a user's own account, from the API to the provider's wire.

let database: TestDatabase;
let chat: WireServer;
let responses: WireServer;
let muster: Muster;
let user: TestUser;
const folder = temporaryFolder();

before(async () => {
  database = await createTestDatabase();
  [chat, responses] = await Promise.all([startOpenAiServer(), startResponsesServer()]);
  const env = { PORT: "0", MUSTER_DATA_DIR: folder.path, DATABASE_URL: database.url, LOG_LEVEL: "fatal" };
  muster = await startMuster(readConfig(env), { issueClaim: false });
  user = await createUser(null as never, muster.core.db, { role: "owner" });
});
after(async () => {
  await muster.stop();
  await Promise.all([chat.close(), responses.close()]);
  await database.drop();
  await folder.remove();
});

function send(method: string, path: string, body: object) {
  return fetch(`${muster.url}${path}`, {
    method,
    headers: { "content-type": "application/json", authorization: `Bearer ${user.token}` },
    body: JSON.stringify(body),
  });
}
const ask = async (model: string) => {
  const messages = [{ role: "user", content: "Hello" }];
  const answer = await send("POST", "/v1/chat/completions", { model, messages, cache: "off" });
  assert.equal(answer.status, 200, await answer.clone().text());
  return ((await answer.json()) as { choices: { message: { content: string } }[] }).choices[0]?.message.content;
};
const paths = ({ requests }: WireServer) =>
  requests.filter(({ method }) => method === "POST").map(({ path }) => path.replace(/^\/v1/, ""));

for (const kind of ["openai", "openai_compatible"] as const) {
  test(`an ${kind} account speaks the format it was made with, and another after a change`, async () => {
    const model = `private-model-of-${kind}`;
    const made = await send("POST", "/api/v1/provider-accounts", {
      kind,
      wire: "responses",
      name: kind,
      baseUrl: responses.url,
      apiKey: "test-key",
      models: [model],
      allowPrivateAddress: true,
    });
    assert.equal(made.status, 201, await made.clone().text());
    const { providerAccount } = (await made.json()) as ProviderAccountAnswer;
    assert.equal(providerAccount.wire, "responses");
    const before = paths(responses).length;
    assert.match((await ask(`${kind}/${model}`)) ?? "", /^You said: /);
    assert.deepEqual(paths(responses).slice(before), ["/responses"]);

    const changed = await send("PATCH", `/api/v1/provider-accounts/${providerAccount.id}`, {
      wire: "chat",
      baseUrl: chat.url,
      apiKey: "test-key",
    });
    assert.equal(((await changed.json()) as ProviderAccountAnswer).providerAccount.wire, "chat");
    const earlier = paths(chat).length;
    assert.match((await ask(`${kind}/${model}`)) ?? "", /^You said: /);
    assert.deepEqual(paths(chat).slice(earlier), ["/chat/completions"]);
  });
}

test("the format is one of two, chat when nobody says, and of OpenAI's kinds only", async () => {
  const account = { kind: "anthropic", name: "Claude", apiKey: "test-key" };
  assert.equal((await send("POST", "/api/v1/provider-accounts", { ...account, wire: "smoke" })).status, 400);
  const refused = await send("POST", "/api/v1/provider-accounts", { ...account, wire: "responses" });
  assert.equal(refused.status, 400);
  assert.match(await refused.text(), /has no responses format/);
  const made = await send("POST", "/api/v1/provider-accounts", account);
  const { providerAccount } = (await made.json()) as ProviderAccountAnswer;
  assert.equal(providerAccount.wire, "chat");
  const moved = await send("PATCH", `/api/v1/provider-accounts/${providerAccount.id}`, { wire: "responses" });
  assert.equal(moved.status, 400);
});
