import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { ExecutionEvent } from "#contracts";
import { signedOutEvent } from "./api.ts";
import { type ConnectionState, followExecution } from "./follow-execution.ts";

test("a dropped line is taken up after the last event seen, and each event comes once, in order", async (context) => {
  const asked: string[] = [];
  const frame = (seq: number, type: string) =>
    `id: ${seq}\ndata: ${JSON.stringify({ seq, type, executionId: "e" })}\n\n`;
  const answers: ((response: ServerResponse) => void)[] = [
    (response) => {
      response.write(frame(5, "usage") + frame(6, "usage"));
      setImmediate(() => response.destroy());
    },
    (response) => response.writeHead(503).end(),
    (response) => response.end(frame(6, "usage") + frame(7, "usage") + frame(8, "execution-end")),
  ];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    answers.shift()?.(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const events: ExecutionEvent[] = [];
  const states: ConnectionState[] = [];
  await followExecution({
    executionId: "e",
    after: 4,
    signal: new AbortController().signal,
    bufferMs: 1,
    onEvents: (batch) => events.push(...batch),
    onState: (state) => states.push(state),
    fetchStream: (url, signal) => fetch(origin + url, { signal }),
  });
  assert.deepEqual(
    events.map(({ seq }) => seq),
    [5, 6, 7, 8],
  );
  assert.deepEqual(
    asked,
    [4, 6, 6].map((after) => `/api/v1/executions/e/events?after=${after}`),
  );
  assert.equal(states.at(-1), "ended");
  assert.ok(states.includes("reconnecting"));
});

test("an execution that is not there is not asked for again", async () => {
  let asked = 0;
  await followExecution({
    executionId: "e",
    after: 0,
    signal: new AbortController().signal,
    onEvents: () => assert.fail("nothing to hand on"),
    onState: () => {},
    fetchStream: async () => {
      asked += 1;
      return new Response(null, { status: 404 });
    },
  });
  assert.equal(asked, 1);
});

test("only what has ended ends silently: gone, refused and signed out are told apart, a fault passes", async (context) => {
  let signedOut = 0;
  const target = new EventTarget();
  target.addEventListener(signedOutEvent, () => {
    signedOut += 1;
  });
  Object.assign(globalThis, { window: target });
  context.after(() => Reflect.deleteProperty(globalThis, "window"));
  const lastState = async (...statuses: number[]) => {
    const states: ConnectionState[] = [];
    await followExecution({
      executionId: "e",
      after: 0,
      signal: new AbortController().signal,
      onEvents: () => assert.fail("nothing to hand on"),
      onState: (state) => states.push(state),
      fetchStream: async () => new Response(null, { status: statuses.shift() ?? 500 }),
    });
    return states.at(-1);
  };
  assert.equal(await lastState(204), "ended");
  assert.equal(await lastState(404), "gone");
  assert.equal(await lastState(403), "refused");
  assert.equal(await lastState(429, 408, 204), "ended");
  assert.equal(signedOut, 0);
  assert.equal(await lastState(401), "refused");
  assert.equal(signedOut, 1);
});

test("what takes long to draw is handed on less often, and all of it", async () => {
  /** How the events of one stream, one every 10 ms, were grouped when drawing each group takes so long. */
  const groupsWhenDrawingTakes = async (drawingMs: number): Promise<number[]> => {
    const count = 100;
    const frame = (seq: number) =>
      `data: ${JSON.stringify({ seq, type: seq === count ? "execution-end" : "usage", executionId: "e" })}\n\n`;
    const stream = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (let seq = 1; seq <= count; seq++) {
          controller.enqueue(new TextEncoder().encode(frame(seq)));
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        controller.close();
      },
    });
    const groups: number[] = [];
    await followExecution({
      executionId: "e",
      after: 0,
      signal: new AbortController().signal,
      bufferMs: 10,
      onEvents: (batch) => {
        groups.push(batch.length);
        const end = performance.now() + drawingMs;
        while (performance.now() < end);
      },
      onState: () => {},
      fetchStream: async () => new Response(stream, { headers: { "content-type": "text/event-stream" } }),
    });
    return groups;
  };
  const [quick, slow] = [await groupsWhenDrawingTakes(0), await groupsWhenDrawingTakes(30)];
  const sum = (groups: number[]) => groups.reduce((total, each) => total + each, 0);
  assert.deepEqual([sum(quick), sum(slow)], [100, 100]);
  assert.ok(slow.length * 2 < quick.length, `${slow.length} groups against ${quick.length}`);
});
