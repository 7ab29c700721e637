import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { testAccount } from "../../../test/support/llm/gateway-fixture.ts";
import { anthropicBatchClient, openAiBatchClient } from "../economy/batch-clients.ts";
import { HttpProvider } from "./http-provider.ts";
import { HttpTransport } from "./http-transport.ts";
import { defaultTimeouts } from "./provider.ts";

/* Bodies that are read whole (embeddings, batch results), from a real socket in two chunks cut at every byte. */

const sample = (name: string): Buffer => readFileSync(new URL(`./samples/${name}`, import.meta.url));
const http = new HttpProvider(new HttpTransport({ connectTimeoutMs: 5000 }));
const signal = new AbortController().signal;
let body: Buffer;
let cut = 0;
let url: string;
const server = createServer((request, response) => {
  request.resume();
  if (request.url?.endsWith("/batches/batch_1")) {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ id: "batch_1", status: "completed", output_file_id: "file_1" }));
    return;
  }
  // Two chunks of the transfer encoding: the client gets them one by one however the socket joins them.
  if (cut > 0) response.write(body.subarray(0, cut));
  response.end(body.subarray(cut));
});
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(async () => {
  await http.close();
  server.close();
});

async function atEveryCut(name: string, read: () => Promise<unknown>, expected: unknown): Promise<void> {
  body = sample(name);
  for (cut = 0; cut < body.length; cut += 1) assert.deepEqual(await read(), expected, `cut at ${cut}`);
}

test("embeddings, in the order of their inputs", async () => {
  const embed = () =>
    http.embed({
      account: testAccount("openai", url),
      model: "text-embedding-3-small",
      inputs: ["a", "b"],
      timeouts: defaultTimeouts,
      signal,
    });
  await atEveryCut(
    "embeddings.json",
    async () => {
      const { vectors, usage } = await embed();
      return { vectors, inputTokens: usage.inputTokens };
    },
    {
      vectors: [
        [1, -2, 3],
        [0.25, -0.0069, 1e-7],
      ],
      inputTokens: 8,
    },
  );
});

test("results of an OpenAI batch, by their ids; what expired has none", async () => {
  const account = testAccount("openai", url);
  await atEveryCut(
    "openai-batch-results.jsonl",
    () => openAiBatchClient(http).results(account, "batch_1", "label", signal),
    new Map<string, unknown>([
      ["b", { answer: JSON.parse(sample("openai-chat.json").toString()) }],
      ["a", { error: "Ungültig 🎉" }],
    ]),
  );
});

test("results of an Anthropic batch, by their ids; what expired has none", async () => {
  const account = testAccount("anthropic", url);
  await atEveryCut(
    "anthropic-batch-results.jsonl",
    () => anthropicBatchClient(http).results(account, "batch_1", "label", signal),
    new Map<string, unknown>([
      ["b", { answer: JSON.parse(sample("anthropic-message.json").toString()) }],
      ["a", { error: "Ungültig 🎉" }],
    ]),
  );
});
