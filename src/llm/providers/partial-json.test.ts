import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import type { LlmRequest } from "../types.ts";
import { MessagesParser } from "./anthropic-messages.ts";
import { ChatParser } from "./openai-chat.ts";
import { ResponsesParser } from "./openai-responses.ts";
import { readPartialJson } from "./partial-json.ts";
import { WireReader } from "./wire-reader.ts";

const nothing: ReadonlySet<string> = new Set();
const read = (text: string, wholeOnly = nothing): unknown =>
  // Plain objects, to compare with.
  JSON.parse(JSON.stringify({ value: readPartialJson(text, wholeOnly) })).value;

test("whole JSON is read as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      // In a list, since a number at the very end may have gone on.
      assert.equal(JSON.stringify(readPartialJson(`[${text}]`, nothing)), JSON.stringify([JSON.parse(text)]));
    }),
  );
});

test("of any beginning, strings are beginnings of the whole ones; none throws", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(), (value, cut) => {
      const text = JSON.stringify({ a: [{ b: value }] });
      const seen = read(text.slice(0, cut % text.length)) as { a?: { b?: string }[] } | undefined;
      assert.ok(value.startsWith(seen?.a?.[0]?.b ?? ""));
    }),
  );
});

test("what may go on or is broken ends the reading", () => {
  assert.deepEqual(read('{"a":1,"b":12'), { a: 1 });
  assert.deepEqual(read('{"a":tru'), {});
  assert.deepEqual(read('{"a":"x\\'), { a: "x" });
  assert.deepEqual(read('{"a":"x\\\\'), { a: "x\\" });
  assert.deepEqual(read('{"a":"x\\u00'), { a: "x" });
  assert.deepEqual(read('{"a":"x","b'), { a: "x" });
  assert.deepEqual(read('{"a":"x"{{{{'), { a: "x" });
  assert.deepEqual(read('{"a":[{"b":"x"}}'), { a: [{ b: "x" }] });
  assert.deepEqual(read('{"use":{"in":1,"out":2'), { use: { in: 1 } });
  assert.deepEqual(read('{"use":{"in":1,"out":2', new Set(["use"])), {});
  assert.deepEqual(read('{"use":{"in":1,"out":2}', new Set(["use"])), { use: { in: 1, out: 2 } });
  assert.equal(read(""), undefined);
  assert.equal(read("<html>"), undefined);
  readPartialJson("[".repeat(1_000_000), nothing);
});

const request: LlmRequest = { model: "asked", messages: [{ role: "user", content: "Hi" }] };
const parsers = {
  "openai-chat.json": ChatParser,
  "anthropic-message.json": MessagesParser,
  "responses-whole.json": ResponsesParser,
};

for (const [name, Parser] of Object.entries(parsers)) {
  test(`${name} cut at every byte: its use grows with what came, and is the provider's once its counts came`, () => {
    const body = Buffer.from(readFileSync(new URL(`./samples/${name}`, import.meta.url), "utf8").trim());
    const whole = new Parser(request, "The provider", () => {});
    whole.body(JSON.parse(body.toString()));
    const exact = whole.answer().usage;
    let before = 0;
    let reported = false;
    for (let cut = 0; cut < body.length; cut += 1) {
      const reader = new WireReader(new Parser(request, "The provider", () => {}), "The provider");
      reader.onStart(200, { "content-type": "application/json" });
      reader.onData(body.subarray(0, cut));
      assert.throws(() => reader.end(), { kind: "protocol" });
      const seen = reader.seenUsage();
      // From its closing bracket on; half a count is none.
      reported ||= isWhole(body.subarray(body.indexOf('"usage"'), cut).toString().replace('"usage":', ""));
      // Anthropic counts no reasoning of its own: that part stays what was seen.
      if (reported)
        assert.deepEqual({ ...seen, reasoningTokens: 0 }, { ...exact, reasoningTokens: 0 }, `cut at ${cut}`);
      else assert.ok(seen.estimated && seen.outputTokens >= before, `cut at ${cut}`);
      before = seen.estimated ? seen.outputTokens : before;
    }
    assert.ok(before > 0 && reported);
  });
}

/** Whether it begins with a whole object. */
function isWhole(text: string): boolean {
  return /^\s*\{/.test(text) && text.split("{").length === text.split("}").length;
}
