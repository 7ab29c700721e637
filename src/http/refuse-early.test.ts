import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import test from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createLogger, createMetrics } from "#metrics";
import { createEarlyRefusal } from "./refuse-early.ts";

test("a crowd that is refused is answered a few at a turn, everybody in the end", async (t) => {
  const refuse = createEarlyRefusal(() => true, {
    logger: createLogger({ level: "fatal" }),
    metrics: createMetrics({ role: "api" }),
  });
  const arrived: ServerResponse[] = [];
  const crowd = 100;
  const { promise: everybodyIsThere, resolve } = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    arrived.push(response);
    if (arrived.length === crowd) resolve();
    request.resume();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const answers = Array.from({ length: crowd }, () => fetch(`http://127.0.0.1:${port}/api/v1/squads`));
  await everybodyIsThere;
  for (const response of arrived) assert.equal(refuse(response.req, response, undefined), true);
  const answered = () => arrived.filter((response) => response.writableEnded).length;
  assert.equal(answered(), 0, "who was let in goes first");
  await nextTurn();
  assert.ok(answered() > 0 && answered() <= 32, `${answered()} in one turn`);
  for (const answer of await Promise.all(answers)) {
    assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "1"]);
    assert.equal(((await answer.json()) as { code: string }).code, "unavailable");
  }
});
