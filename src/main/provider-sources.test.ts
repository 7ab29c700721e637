import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { readConfig } from "#config";
import { providerKinds, providerPresets } from "#contracts";
import {
  createProviderAccount,
  createSecretBox,
  deleteProviderAccount,
  type SecretBox,
  updateProviderAccount,
} from "#domain";
import { createCallContext, createLogger } from "#metrics";
import { createTestDatabase } from "../../test/support/database.ts";
import { insertTask } from "../../test/support/executions.ts";
import { fixtureGateway, testAccount, testCall } from "../../test/support/llm/gateway-fixture.ts";
import { startOpenAiServer } from "../../test/support/llm/index.ts";
import { accountsFromEnvironment, createProviderSources, toLlmAccount } from "./provider-sources.ts";

test("every provider kind that has an address of its own has a preset; compatible servers have several", () => {
  const kinds = new Set(providerPresets.map((preset) => preset.kind));
  for (const kind of providerKinds.filter((one) => one !== "offline")) assert.ok(kinds.has(kind), kind);
  assert.ok(providerPresets.every(({ baseUrl, isLocal }) => isLocal || baseUrl.startsWith("https://")));
  assert.equal(new Set(providerPresets.map(({ slug }) => slug)).size, providerPresets.length);
});

test("a key alone is enough: the address is the kind's own, in the environment and in an account", () => {
  const accounts = accountsFromEnvironment(readConfig({ GOOGLE_API_KEY: "google-key", ANTHROPIC_API_KEY: "key" }));
  assert.deepEqual(
    accounts.map(({ kind, baseUrl }) => [kind, baseUrl]),
    [
      ["anthropic", "https://api.anthropic.com"],
      ["google", "https://generativelanguage.googleapis.com/v1beta/openai"],
    ],
  );
  const row = {
    id: "1",
    userId: "u",
    name: "mine",
    wire: "chat" as const,
    apiKey: "k",
    models: [],
    allowPrivateAddress: false,
    priceOverrides: {},
    requestsPerMinute: null,
    tokensPerMinute: null,
    createdAt: "",
    updatedAt: "",
    hasKey: true,
    keyHint: null,
    enabled: true,
  };
  assert.equal(toLlmAccount({ ...row, kind: "openai", baseUrl: null }).baseUrl, "https://api.openai.com/v1");
  assert.equal(toLlmAccount({ ...row, kind: "openai_compatible", baseUrl: null }).baseUrl, "");
});

test("Ollama's address as its documentation writes it, without /v1, is enough", async () => {
  const server = await startOpenAiServer();
  const root = server.url.replace(/\/v1$/, "");
  for (const url of [root, `${root}/`, server.url]) {
    const { gateway } = fixtureGateway([testAccount("ollama", url)]);
    assert.equal((await gateway.complete(testCall({ model: "ollama/qwen3:8b" }))).text, "You said: Hello");
    await gateway.close();
  }
  await server.close();
});

test("to ask after what was handed over an account is found switched off too; gone it is when its owner deleted it", async () => {
  const { db, drop } = await createTestDatabase();
  const { userId } = await insertTask(db);
  const box = createSecretBox(randomBytes(32));
  const logger = createLogger({ level: "error", context: createCallContext(), destination: { write: () => {} } });
  const shared = accountsFromEnvironment(readConfig({ OPENAI_API_KEY: "key" }));
  const open = (secretBox: SecretBox) => createProviderSources({ db, secretBox, shared, logger });
  const sources = open(box);
  const made = await createProviderAccount(
    db,
    { userId },
    { kind: "openai", name: "a", apiKey: "sk-0123456789ab" },
    box,
  );
  assert.ok(made.outcome === "ok");
  const { id } = made.providerAccount;
  await updateProviderAccount(db, { userId }, id, { enabled: false }, box);
  assert.ok((await sources.accountsOf(userId)).every((account) => account.id !== id));
  assert.equal((await sources.findAccount(userId, id))?.apiKey, "sk-0123456789ab");
  await assert.rejects(open(createSecretBox(randomBytes(32))).findAccount(userId, id));
  await deleteProviderAccount(db, { userId }, id);
  assert.equal(await sources.findAccount(userId, id), null);
  assert.equal((await sources.findAccount(userId, "environment-openai"))?.apiKey, "key");
  await assert.rejects(sources.findAccount(userId, "environment-anthropic"), /at present/);
  await drop();
});
