import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { addTextTokens, expectedTokens, requestTokens } from "./tokens.ts";

/** Deterministic noise, so that a failure repeats. */
function noise(bytes: number): Buffer {
  const blocks: Buffer[] = [];
  for (let index = 0; index * 32 < bytes; index += 1) {
    blocks.push(createHash("sha256").update(String(index)).digest());
  }
  return Buffer.concat(blocks).subarray(0, bytes);
}

const source = readFileSync(new URL("./tokens.ts", import.meta.url), "utf8");
const prose =
  "The reviewer checks each claim against its source, notes what cannot hold in production and proposes an alternative. ";
const samples: Record<string, string> = {
  prose: prose.repeat(20),
  source,
  json: JSON.stringify({ name: "read_file", parameters: { type: "object", properties: { path: { type: "string" } } } }),
  base64: noise(3000).toString("base64"),
  hex: noise(3000).toString("hex"),
  letters: Array.from(noise(3000), (byte) => String.fromCharCode(97 + (byte % 26))).join(""),
  digits: Array.from(noise(3000), (byte) => String(byte % 10)).join(""),
  punctuation: Array.from(noise(3000), (byte) => "!@#$%^&*()[]{};:,.<>?/|~"[byte % 24]).join(""),
  chinese: "我们需要一个更好的系统来管理这些任务。".repeat(20),
  german: "Die Prüfung der Behauptungen ergab größere Lücken in der Lieferkette. ".repeat(20),
  russian: "Проверка утверждений показала большие пробелы в цепочке поставок. ".repeat(20),
  emoji: "🎉🚀🔥✨🧪".repeat(40),
  whitespace: "a \n\n   b\t\tc\r\n".repeat(50),
};

test("the bound is at or above a real tokenizer's count for every kind of text", () => {
  for (const [name, text] of Object.entries(samples)) {
    const estimate = { expected: 0, bound: 0 };
    addTextTokens(text, estimate);
    const actual = countTokens(text);
    assert.ok(estimate.bound >= actual, `${name}: bound ${estimate.bound} < ${actual}`);
  }
});

test("the expected count is near the real one for prose and code", () => {
  for (const name of ["prose", "source", "german", "json"]) {
    const text = samples[name] as string;
    const ratio = expectedTokens(text) / countTokens(text);
    assert.ok(ratio > 0.65 && ratio < 1.5, `${name}: ${ratio}`);
  }
});

test("a request counts all of its parts", () => {
  const bare = requestTokens({ model: "m", messages: [{ role: "user", content: "hello" }] });
  const full = requestTokens({
    model: "m",
    messages: [
      { role: "user", content: "hello" },
      { role: "assistant", content: "", toolCalls: [{ id: "a", name: "read", arguments: '{"path":"x"}' }] },
      { role: "tool", toolCallId: "a", content: "text of the file" },
    ],
    tools: [{ name: "read", description: "Reads a file", parameters: { type: "object" } }],
    responseFormat: { type: "json_schema", name: "plan", schema: { type: "object" } },
  });
  assert.ok(full.expected > bare.expected + 20);
  assert.ok(full.bound > full.expected);
});
