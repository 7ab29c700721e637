import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { LlmFrame, LlmRequest } from "../types.ts";
import { MessagesParser } from "./anthropic-messages.ts";
import { ChatParser } from "./openai-chat.ts";
import { CompletionParser } from "./openai-completions.ts";
import { ResponsesParser } from "./openai-responses.ts";
import { WireReader } from "./wire-reader.ts";

const request: LlmRequest = { model: "asked", messages: [{ role: "user", content: "Hi" }] };

function sample(name: string): Buffer {
  return readFileSync(new URL(`./samples/${name.includes(".") ? name : `${name}.sse`}`, import.meta.url));
}

function parserOf(name: string) {
  if (name.startsWith("anthropic")) return MessagesParser;
  if (name.startsWith("completion")) return CompletionParser;
  return name.startsWith("responses") ? ResponsesParser : ChatParser;
}

/** What tells the terminal event, whose line must have ended. */
function terminalOf(name: string): string {
  if (name.startsWith("anthropic")) return "message_stop";
  return name.startsWith("responses") ? '"total_tokens"' : "[DONE]";
}

function parse(name: string, chunks: Buffer[]) {
  const frames: LlmFrame[] = [];
  const Parser = parserOf(name);
  const parser = new Parser(request, "The provider", (frame) => frames.push(frame));
  const reader = new WireReader(parser, "The provider");
  reader.onStart(200, { "content-type": name.endsWith(".json") ? "application/json" : "text/event-stream" });
  for (const chunk of chunks) reader.onData(chunk);
  reader.end();
  return { frames, answer: parser.answer() };
}

const plain = { cacheReadTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, estimated: false };
const expected: Record<string, ReturnType<ChatParser["answer"]>> = {
  "openai-tools": {
    text: "Ich prüfe größere Dateien 🎉.",
    reasoning: "",
    toolCalls: [
      { id: "call_DdmO9pD3xa9XTPNJ32zg2hcA", name: "read_file", arguments: '{"path":"Übersicht.md"}' },
      { id: "call_ABCF9pD3xa9XTPNJ32zg2hcB", name: "search", arguments: '{"pattern":"\\n\\u00e9\\"quoted\\""}' },
    ],
    finishReason: "tool_calls",
    usage: { ...plain, inputTokens: 1117, cacheReadTokens: 1024, outputTokens: 46 },
    model: "gpt-4o-2024-08-06",
  },
  "openai-refusal": {
    text: "I'm sorry, I can't.",
    reasoning: "",
    toolCalls: [],
    finishReason: "content_filter",
    // No usage was sent: counted from what was seen.
    usage: { ...plain, inputTokens: 8, outputTokens: 9, estimated: true },
    model: "gpt-4o-2024-08-06",
  },
  "deepseek-reasoning": {
    text: "Die Antwort ist 42.",
    reasoning: "Zuerst die Frage…",
    toolCalls: [],
    finishReason: "stop",
    usage: { ...plain, inputTokens: 17, cacheReadTokens: 8, outputTokens: 98, reasoningTokens: 80 },
    model: "deepseek-reasoner",
  },
  "google-openai": {
    text: "Ich sehe nach: ",
    reasoning: "",
    toolCalls: [{ id: "function-call-1", name: "get_weather", arguments: '{"location":"Zürich"}' }],
    finishReason: "tool_calls",
    usage: { ...plain, inputTokens: 20, outputTokens: 72, reasoningTokens: 60 },
    model: "gemini-2.5-flash",
  },
  "groq-reasoning": {
    text: "Yes.\nDone",
    reasoning: "Hmm, let me",
    toolCalls: [],
    finishReason: "stop",
    usage: { ...plain, inputTokens: 9, outputTokens: 7 },
    model: "qwen/qwen3-32b",
  },
  "ollama-tools": {
    text: "Moment. ",
    reasoning: "",
    toolCalls: [{ id: "call_x1", name: "get_time", arguments: '{"zone":"CET"}' }],
    finishReason: "tool_calls",
    usage: { ...plain, inputTokens: 30, outputTokens: 21 },
    model: "qwen3:8b",
  },
  "responses-tools": {
    text: "Ich sehe nach 🎉.",
    reasoning: "**Prüfendes Wort – größer**",
    toolCalls: [
      { id: "call_unLAR8MvFNptuiZK6K6HCy5k", name: "get_weather", arguments: '{"location":"Zürich"}' },
      { id: "call_2", name: "read_file", arguments: '{"path":"Übersicht.md"}' },
    ],
    finishReason: "tool_calls",
    usage: { ...plain, inputTokens: 1291, cacheReadTokens: 1152, outputTokens: 118, reasoningTokens: 64 },
    model: "gpt-5-codex",
  },
  "responses-incomplete": {
    text: "Eins, zwei, drei, vi",
    reasoning: "",
    toolCalls: [],
    finishReason: "length",
    usage: { ...plain, inputTokens: 11, outputTokens: 16 },
    model: "gpt-5-codex",
  },
  "openrouter-comments": {
    text: "Größe: 3\u202fm 👩\u200d🚀",
    reasoning: "Überlege 🤔",
    toolCalls: [],
    finishReason: "stop",
    usage: { ...plain, inputTokens: 31, cacheReadTokens: 12, outputTokens: 27, reasoningTokens: 14 },
    model: "anthropic/claude-sonnet-4.5",
  },
  "vllm-tools": {
    text: "",
    reasoning: "Ich brauche das Wetter.",
    toolCalls: [
      { id: "chatcmpl-tool-1", name: "get_weather", arguments: '{"city": "München"}' },
      { id: "chatcmpl-tool-2", name: "get_time", arguments: "{}" },
    ],
    finishReason: "tool_calls",
    usage: { ...plain, inputTokens: 211, outputTokens: 41 },
    model: "Qwen/Qwen3-8B",
  },
  "ollama-no-ids": {
    text: "",
    reasoning: "",
    toolCalls: [
      { id: "call_0", name: "get_time", arguments: '{"zone":"CET"}' },
      { id: "call_1", name: "get_date", arguments: "{}" },
    ],
    finishReason: "tool_calls",
    usage: { ...plain, inputTokens: 8, outputTokens: 13, estimated: true },
    model: "llama3.2",
  },
  "completion-text": {
    text: "Ein Gedicht über Zürich 🌊",
    reasoning: "",
    toolCalls: [],
    finishReason: "length",
    usage: { ...plain, inputTokens: 5, outputTokens: 7 },
    model: "gpt-3.5-turbo-instruct:20230824-v2",
  },
  "anthropic-tools": {
    text: "Okay, let's check 🎉",
    reasoning: "Größere Frage: 27 × 453",
    toolCalls: [
      {
        id: "toolu_01T1x1fJ34qAmk2tNTrN7Up6",
        name: "get_weather",
        arguments: '{"location": "San Francisco, CA", "unit": "fahrenheit"}',
      },
    ],
    finishReason: "tool_calls",
    usage: { ...plain, inputTokens: 472, outputTokens: 89, reasoningTokens: 31 },
    model: "claude-sonnet-4-5-20250929",
  },
  "anthropic-cache": {
    text: "Laut Quelle gilt:",
    reasoning: "",
    toolCalls: [],
    finishReason: "length",
    usage: { ...plain, inputTokens: 18_253, cacheReadTokens: 18_044, cacheWriteTokens: 188, outputTokens: 393 },
    model: "claude-opus-4-5",
  },
};

const call = { name: "read_file", arguments: '{"path":"Übersicht.md"}' };
const bodies: Record<string, ReturnType<ChatParser["answer"]>> = {
  "openai-chat.json": {
    text: "Ich prüfe 🎉",
    reasoning: "",
    toolCalls: [{ id: "call_abc123", ...call }],
    finishReason: "tool_calls",
    usage: { ...plain, inputTokens: 82, cacheReadTokens: 64, outputTokens: 17, reasoningTokens: 4 },
    model: "gpt-4o-2024-08-06",
  },
  "responses-whole.json": {
    text: "Ich prüfe 🎉",
    reasoning: "Größe?",
    toolCalls: [{ id: "call_1", ...call }],
    finishReason: "tool_calls",
    usage: { ...plain, inputTokens: 40, cacheReadTokens: 32, outputTokens: 20, reasoningTokens: 9 },
    model: "gpt-5-codex",
  },
  "anthropic-message.json": {
    text: "Ich prüfe 🎉",
    reasoning: "Größe?",
    toolCalls: [{ id: "toolu_01", ...call }],
    finishReason: "tool_calls",
    usage: { ...plain, inputTokens: 160, cacheReadTokens: 50, cacheWriteTokens: 100, outputTokens: 33 },
    model: "claude-sonnet-4-5-20250929",
  },
  "completion-text.json": {
    text: "Zürich 🌊",
    reasoning: "",
    toolCalls: [],
    finishReason: "length",
    usage: { ...plain, inputTokens: 5, outputTokens: 7 },
    model: "gpt-3.5-turbo-instruct",
  },
};

for (const [name, answer] of Object.entries(bodies)) {
  test(`${name}: the answer in one body, the same at every cut, no answer where it is not whole`, () => {
    const bytes = sample(name);
    const whole = parse(name, [bytes]);
    assert.deepEqual(whole.answer, answer);
    const closesAt = bytes.lastIndexOf("}");
    for (let cut = 1; cut < bytes.length; cut += 1) {
      assert.deepEqual(parse(name, [bytes.subarray(0, cut), bytes.subarray(cut)]), whole, `cut at ${cut}`);
      if (cut > closesAt) continue;
      assert.throws(() => parse(name, [bytes.subarray(0, cut)]), { kind: "protocol" }, `ended at ${cut}`);
    }
  });
}

for (const [name, kind, seen] of [
  ["anthropic-error", "overloaded", { inputTokens: 25 }],
  ["openai-error", "provider_error", {}],
] as const) {
  test(`${name}: an error within the stream, the same at every cut, after what came before it`, () => {
    const bytes = sample(name);
    for (let cut = 0; cut < bytes.length; cut += 1) {
      const frames: LlmFrame[] = [];
      const parser = new (parserOf(name))(request, "The provider", (frame) => frames.push(frame));
      const reader = new WireReader(parser, "The provider");
      reader.onStart(200, { "content-type": "text/event-stream" });
      const read = (): void => {
        reader.onData(bytes.subarray(0, cut));
        reader.onData(bytes.subarray(cut));
      };
      assert.throws(read, { name: "LlmError", kind });
      assert.deepEqual(frames, [{ type: "text", text: "Grö" }], `cut at ${cut}`);
      const usage = parser.seenUsage();
      assert.ok(usage.estimated && usage.outputTokens > 0);
      if ("inputTokens" in seen) assert.equal(usage.inputTokens, seen.inputTokens);
    }
  });
}

for (const [name, answer] of Object.entries(expected)) {
  test(`${name}: the answer, and the same at every cut`, () => {
    const bytes = sample(name);
    const whole = parse(name, [bytes]);
    assert.deepEqual(whole.answer, answer);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      assert.deepEqual(parse(name, [bytes.subarray(0, cut), bytes.subarray(cut)]), whole, `cut at ${cut}`);
    }
    // With LF and with CRLF at the ends of lines, cut within each end too.
    const lines = bytes.toString("utf8").replaceAll("\r\n", "\n");
    for (const end of ["\n", "\r\n"]) {
      const other = Buffer.from(lines.replaceAll("\n", end));
      for (let at = other.indexOf(end); at >= 0; at = other.indexOf(end, at + 1)) {
        for (const cut of [at, at + 1, at + end.length]) {
          assert.deepEqual(parse(name, [other.subarray(0, cut), other.subarray(cut)]), whole, `line end at ${at}`);
        }
      }
    }
    const single = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
    assert.deepEqual(parse(name, single), whole, "byte by byte");
  });

  test(`${name}: ended anywhere before its terminal event it is no answer`, () => {
    const bytes = sample(name);
    const text = bytes.toString("latin1");
    const terminalAt = text.lastIndexOf(terminalOf(name));
    for (let end = 0; end <= terminalAt; end += 7) {
      assert.throws(() => parse(name, [bytes.subarray(0, end)]), { name: "LlmError", kind: "protocol" });
    }
  });
}
