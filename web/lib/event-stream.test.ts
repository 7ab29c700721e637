import assert from "node:assert/strict";
import { test } from "node:test";
import { createEventParser } from "./event-stream.ts";

const wire =
  ': heartbeat\r\n\r\nid: 7\r\nevent: note\r\ndata: {"a":1}\r\n\r\ndata: two\ndata:lines\n\nid: 9\n\ndata: last\n\n';

test("messages are the same however the bytes are cut", () => {
  const whole = createEventParser()(wire);
  assert.deepEqual(whole, [
    { id: "7", event: "note", data: '{"a":1}' },
    { id: "7", event: "message", data: "two\nlines" },
    { id: "9", event: "message", data: "last" },
  ]);
  for (let at = 1; at < wire.length; at += 1) {
    const parse = createEventParser();
    assert.deepEqual([...parse(wire.slice(0, at)), ...parse(wire.slice(at))], whole, `cut at ${at}`);
  }
});

test("a message that is not complete is kept back", () => {
  const parse = createEventParser();
  assert.deepEqual(parse("data: half"), []);
  assert.deepEqual(parse(" done\n"), []);
  assert.deepEqual(parse("\n"), [{ id: null, event: "message", data: "half done" }]);
});
