import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { after, before, test } from "node:test";
import type { UserChange } from "#contracts";
import { executionChangeTags } from "#domain";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, type TestUser } from "../support/api-client.ts";

let api: TestApi;
let url: string;
before(async () => {
  api = await startTestApi();
  url = await api.app.listen({ port: 0, host: "127.0.0.1" });
});
after(() => api.close());

/** An open stream of changes; `next` waits for one that fits. */
async function follow(user: TestUser) {
  const request = get(`${url}/api/v1/changes`, { headers: { authorization: `Bearer ${user.token}` } });
  const [response] = await once(request, "response");
  assert.equal(response.statusCode, 200);
  // Closing it from this side is an aborted answer, as far as the client is concerned.
  response.on("error", () => undefined);
  const changes: UserChange[] = [];
  let text = "";
  let heard = (): void => undefined;
  response.on("data", (bytes: Buffer) => {
    text += bytes.toString();
    const frames = text.split("\n\n");
    text = frames.pop() ?? "";
    for (const frame of frames) if (frame.startsWith("data: ")) changes.push(JSON.parse(frame.slice(6)));
    heard();
  });
  return {
    changes,
    ended: new Promise<void>((resolve) => response.once("close", () => resolve())),
    close: () => request.destroy(),
    async next(fits: (change: UserChange) => boolean): Promise<UserChange> {
      for (;;) {
        const found = changes.find(fits);
        if (found) return found;
        await new Promise<void>((resolve) => {
          heard = resolve;
        });
      }
    },
  };
}

async function startTask(user: TestUser, title: string) {
  const { squad } = (await user.call("POST", "/api/v1/squads", { template: "pair" })).body;
  const { task } = (await user.call("POST", "/api/v1/tasks", { title, squadId: squad.id })).body;
  const { execution } = (await user.call("POST", `/api/v1/tasks/${task.id}/executions`, {})).body;
  return { squad, task, execution };
}

test("a follower gets what is live, then each change of its own, and nothing of others", {
  timeout: 20_000,
}, async () => {
  const user = await createUser(api.app, api.database.db);
  const stranger = await createUser(api.app, api.database.db);
  const first = await startTask(user, "First");
  const mine = await follow(user);
  const theirs = await follow(stranger);
  const snapshot = await mine.next((change) => change.kind === "snapshot");
  assert.deepEqual(
    snapshot.executions.map(({ id, taskTitle }) => [id, taskTitle]),
    [[first.execution.id, "First"]],
  );
  assert.deepEqual(snapshot.liveCounts, { running: 0, queued: 1, paused: 0, awaitingApproval: 0 });
  assert.deepEqual((await theirs.next((change) => change.kind === "snapshot")).executions, []);
  const second = await startTask(user, "Second");
  const started = await mine.next(
    (change) => change.executions.some((one) => one.id === second.execution.id) || change.areas.includes("executions"),
  );
  assert.equal(started.kind, "change");
  await user.call("POST", `/api/v1/executions/${first.execution.id}/cancel`);
  const ended = await mine.next((change) =>
    change.executions.some((one) => one.id === first.execution.id && one.status === "cancelled"),
  );
  assert.deepEqual(
    ended.tasks.map(({ id, status }) => [id, status]),
    [[first.task.id, "cancelled"]],
  );
  assert.equal(ended.liveCounts?.queued, 1, "the second still waits");
  assert.equal(theirs.changes.length, 1);
  mine.close();
  theirs.close();
});

test("what a worker of another process commits reaches the follower, with notifications and spend", {
  timeout: 20_000,
}, async () => {
  const user = await createUser(api.app, api.database.db);
  const { squad, execution } = await startTask(user, "Elsewhere");
  const mine = await follow(user);
  await mine.next((change) => change.kind === "snapshot");
  await api.database.db.pool.query(
    `WITH n AS (INSERT INTO notifications (id, user_id, kind, title, execution_id) VALUES (gen_random_uuid(), $1, 'approval_requested', 'It waits', $2))
     UPDATE task_executions SET status = 'awaiting_approval', cost_nano_usd = 7 WHERE id = $2`,
    [user.id, execution.id],
  );
  await api.deps.cache.invalidate(
    executionChangeTags({ userId: user.id, executionId: execution.id, squadId: squad.id, coarse: true }),
  );
  const change = await mine.next((one) => one.kind === "change" && one.executions.length > 0);
  assert.deepEqual([change.executions[0]?.status, change.executions[0]?.costNanoUsd], ["awaiting_approval", 7]);
  assert.deepEqual([change.notifications?.unread, change.notifications?.data[0]?.taskTitle], [1, "Elsewhere"]);
  assert.equal(change.spend?.monthNanoUsd, 0);
  mine.close();
});

test("many changes are told together, at most once a second; a revoked key ends the stream", {
  timeout: 20_000,
}, async () => {
  const user = await createUser(api.app, api.database.db);
  const { squad, execution } = await startTask(user, "Busy");
  const mine = await follow(user);
  await mine.next((change) => change.kind === "snapshot");
  const tags = executionChangeTags({ userId: user.id, executionId: execution.id, squadId: squad.id, coarse: true });
  const begun = performance.now();
  while (performance.now() - begun < 1_500) {
    await api.deps.cache.invalidate(tags);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const told = mine.changes.filter((change) => change.kind === "change").length;
  assert.ok(told >= 1 && told <= 3, `${told} changes in 1.5 s`);
  await user.call("DELETE", `/api/v1/api-keys/${user.apiKeyId}`);
  await mine.ended;
});
