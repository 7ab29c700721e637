import assert from "node:assert/strict";
import test from "node:test";
import { createLoadShedder, createLoopWatch, createQueueWatch } from "./load-shedding.ts";

/** One second of a process that ends `perSecond` requests while `waiting` more want in than it has room for. */
function playSecond(watch: ReturnType<typeof createQueueWatch>, start: number, perSecond: number, arrivals: number) {
  let inFlight = start;
  let refused = 0;
  for (let sample = 0; sample < 10; sample++) {
    for (let n = 0; n < arrivals / 10; n++) {
      if (watch.isFull(inFlight)) refused++;
      else inFlight++;
    }
    for (let n = 0; n < perSecond / 10 && inFlight > 0; n++) watch.ended(--inFlight);
    watch.sample(inFlight, 0.1);
  }
  return { inFlight, refused };
}

test("a burst is let in up to the limit, a queue that stands only as far as it is worked off in 100 ms", () => {
  const watch = createQueueWatch(1_000);
  let state = { inFlight: 0, refused: 0 };
  for (let second = 0; second < 6; second++) state = playSecond(watch, state.inFlight, 3_000, 2_900);
  assert.equal(state.refused, 0);
  // 100 at once: a burst, nobody is refused.
  state = playSecond(watch, state.inFlight + 100, 3_000, 2_900);
  assert.equal(state.refused, 0);
  // Ten times what it can do, for seconds.
  for (let second = 0; second < 8; second++) state = playSecond(watch, state.inFlight, 3_000, 30_000);
  assert.ok(state.refused > 0);
  assert.equal(watch.isFull(299), false);
  assert.equal(watch.isFull(300), true, "3,000 a second leave room for 300");
  // It is over: after a moment without refusals bursts are let in again.
  for (let second = 0; second < 6; second++) state = playSecond(watch, state.inFlight, 3_000, 100);
  assert.equal(watch.isFull(999), false);
  assert.equal(watch.isFull(1_000), true);
});

test("however slow the requests, there is room for as many as keep the database busy", () => {
  const watch = createQueueWatch(400);
  let state = { inFlight: 0, refused: 0 };
  for (let second = 0; second < 8; second++) state = playSecond(watch, state.inFlight, 10, 1_000);
  assert.equal(watch.isFull(255), false);
  assert.equal(watch.isFull(256), true);
});

test("calls that wait for a model do not shut the API, and have a limit of their own", () => {
  const limits = { maxInFlight: 3, maxLongInFlight: 5, maxLoopDelayMs: 60_000, maxPoolWaiting: 10 };
  const shedder = createLoadShedder(limits, () => 0);
  try {
    for (let n = 0; n < 5; n++) {
      assert.equal(shedder.overloaded("long"), false);
      shedder.begin("long");
    }
    assert.equal(shedder.overloaded("long"), true);
    assert.equal(shedder.overloaded("short"), false);
    for (let n = 0; n < 3; n++) shedder.begin("short");
    assert.equal(shedder.overloaded("short"), true);
    shedder.end("short");
    assert.equal(shedder.overloaded("short"), false);
    shedder.end("long");
    assert.equal(shedder.overloaded("long"), false);
  } finally {
    shedder.close();
  }
});

test("whoever comes while too many wait for a connection is refused, and let in again when fewer do", () => {
  let waiting = 10;
  const limits = { maxInFlight: 3, maxLongInFlight: 5, maxLoopDelayMs: 60_000, maxPoolWaiting: 10 };
  const shedder = createLoadShedder(limits, () => waiting);
  try {
    for (const kind of ["short", "long"] as const) {
      waiting = 10;
      assert.equal(shedder.overloaded(kind), false, kind);
      waiting = 11;
      assert.equal(shedder.overloaded(kind), true, kind);
    }
    waiting = 0;
    assert.equal(shedder.overloaded("short"), false);
  } finally {
    shedder.close();
  }
});

test("one long pause of the machine refuses nobody, an event loop that is late again and again does", () => {
  const watch = createLoopWatch(500);
  watch.sample(3_600_000);
  assert.equal(watch.isLate(), false, "a laptop that slept for an hour");
  watch.sample(0);
  watch.sample(501);
  watch.sample(800);
  assert.equal(watch.isLate(), false);
  watch.sample(600);
  assert.equal(watch.isLate(), true);
  watch.sample(700);
  assert.equal(watch.isLate(), true);
  watch.sample(20);
  assert.equal(watch.isLate(), false, "it keeps up again");
});
