import assert from "node:assert/strict";
import { test } from "node:test";
import { addFaults, faultsOf, faultText, noFaults, readStream } from "../../bench/harness/read-stream.ts";

const written = Date.parse("2026-01-01T00:00:00.000Z");
const frame = (seq: number, type = "message-delta") =>
  `id: ${seq}\ndata: ${JSON.stringify({ seq, at: new Date(written).toISOString(), type, text: "é id: 9" })}\n\n`;

test("a stream is read in whatever pieces it comes; what came before it was measured is history", () => {
  const bytes = Buffer.from(`retry: 1000\n: open\n\n${frame(1)}${frame(2)}: heartbeat\n\n${frame(3, "execution-end")}`);
  for (const size of [1, 7, 64, bytes.length]) {
    const chunks = [];
    for (let from = 0; from < bytes.length; from += size) {
      chunks.push({ at: written + 5, bytes: bytes.subarray(from, from + size) });
    }
    const reading = readStream(chunks, written);
    assert.deepEqual(reading.seqs, [1, 2, 3]);
    assert.deepEqual(reading.delays, [5, 5, 5]);
    assert.equal(reading.ended, true);
    assert.deepEqual(readStream(chunks, written + 6).delays, []);
  }
});

test("what is wrong with a stream is told by its kind, and one fault is counted once", () => {
  assert.deepEqual(faultsOf([1, 2, 3, 4], true), noFaults);
  assert.deepEqual(faultsOf([1, 3, 4], true), { ...noFaults, missing: 1 });
  assert.deepEqual(faultsOf([1, 2, 2, 3], true), { ...noFaults, repeated: 1 });
  assert.deepEqual(faultsOf([1, 2, 3, 1, 2, 3, 4], true), { ...noFaults, repeated: 3 });
  assert.deepEqual(faultsOf([1, 3, 2, 4], true), { ...noFaults, late: 1 });
  assert.deepEqual(faultsOf([2, 3], false), { missing: 1, repeated: 0, late: 0, endless: 1 });
  const both = addFaults(faultsOf([2], true), faultsOf([1, 1], false));
  assert.equal(faultText(both), "1 missing, 1 repeated, 1 without an end");
  assert.equal(faultText(noFaults), "no gaps");
  assert.equal(faultText({ ...noFaults, late: 10 }), "10 out of order");
});
