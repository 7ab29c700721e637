import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "#config";
import { providerKinds, providerPresets } from "#contracts";
import { fixtureGateway, testAccount, testCall } from "../../test/support/llm/gateway-fixture.ts";
import { startOpenAiServer } from "../../test/support/llm/index.ts";
import { accountsFromEnvironment, toLlmAccount } from "./provider-sources.ts";

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
