import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import type { ExecutionPage, ExecutionStateAnswer, SquadAnswer, TaskAnswer } from "#contracts";
import { formatDuration } from "../../web/lib/format.ts";
import { type PacedProvider, startPacedProvider } from "../e2e/support/paced-provider.ts";
import { executionComesTo, localAccount, sampledMuster } from "../e2e/support/sampled-muster.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

// An execution that was retried two hours after its first start has worked for seconds, and says so wherever it is listed.

let database: TestDatabase;
let provider: PacedProvider;
let released = Promise.withResolvers<void>();
const world = sampledMuster({
  settings: async () => {
    database = await createTestDatabase();
    return { DATABASE_URL: database.url };
  },
  prepare: async ({ call }) => {
    provider = await startPacedProvider({
      latencyMs: 0,
      wordsPerSecond: 200,
      rewrite: (text) => text.split(" ").slice(0, 60).join(" "),
      hold: () => released.promise,
    });
    await call("POST", "/provider-accounts", localAccount(provider.baseUrl, "Paced", provider.model));
  },
});
after(async () => {
  await provider?.close();
  await database?.drop();
});

const listed = async (executionId: string) => {
  const { data } = await world.call<ExecutionPage>("GET", "/executions?limit=50");
  const item = data.find(({ id }) => id === executionId);
  assert.ok(item);
  return item;
};

test("lists, the dashboard, the task and the page of a retried execution tell its time of work", async () => {
  const { squad } = await world.call<SquadAnswer>("POST", "/squads", {
    template: "research-report",
    name: "Tide readers",
    model: `openai_compatible/${provider.model}`,
  });
  const title = "Find out about tides";
  const { task } = await world.call<TaskAnswer>("POST", "/tasks", {
    projectId: world.samples.projectId,
    squadId: squad.id,
    title,
    description: "Say what is known of tides.",
  });
  const { execution } = await world.call<ExecutionStateAnswer>("POST", `/tasks/${task.id}/executions`, {});
  await executionComesTo(world.call, execution.id, "running");
  await world.call("POST", `/executions/${execution.id}/cancel`, {});
  await executionComesTo(world.call, execution.id, "cancelled");
  const { rowCount } = await database.db.query(
    "test_first_start",
    "UPDATE task_executions SET started_at = started_at - interval '2 hours' WHERE id = $1",
    [execution.id],
  );
  assert.equal(rowCount, 1);
  released.resolve();
  released = Promise.withResolvers();
  await world.call("POST", `/executions/${execution.id}/retry`, {});
  await executionComesTo(world.call, execution.id, "running");

  const { page, troubles } = await world.open();
  const row = (of: Page, name: string) => of.getByRole("main").getByRole("link", { name: new RegExp(name) });
  const seconds = /(^|\s)\d+ s(\s|$)/m;
  const showsSeconds = async (where: string, text: () => Promise<string>) => {
    const shown = await text();
    assert.match(shown, seconds, `${where}: ${shown}`);
    assert.doesNotMatch(shown, /2h/, `${where}: ${shown}`);
  };
  await page.goto(`${world.muster.url}/`);
  await row(page, title).waitFor();
  await showsSeconds("the dashboard", () => row(page, title).innerText());
  await page.goto(`${world.muster.url}/executions`);
  await row(page, title).waitFor();
  await showsSeconds("the list", () => row(page, title).innerText());
  await page.goto(`${world.muster.url}/executions/${execution.id}`);
  const time = page.locator("dl div").filter({ has: page.getByText("Time", { exact: true }) });
  await time.waitFor();
  await showsSeconds("the page", () => time.locator("dd").innerText());

  released.resolve();
  await executionComesTo(world.call, execution.id, "completed");
  const item = await listed(execution.id);
  assert.ok(item.startedAt && item.endedAt);
  assert.equal(item.runningSince, null);
  const wallMs = Date.parse(item.endedAt) - Date.parse(item.startedAt);
  assert.ok(wallMs > 7_200_000 && item.workedMs < 120_000, `${item.workedMs} ms of ${wallMs} ms`);
  const worked = formatDuration(item.workedMs);
  await time.locator("dd", { hasText: worked }).waitFor();
  for (const path of ["/", "/executions", `/squads/${squad.id}`, `/projects/${task.projectId}?task=${task.id}`]) {
    await page.goto(world.muster.url + path);
    const one = page.locator(`a[href="/executions/${execution.id}"]`).filter({ hasText: "tokens" }).first();
    await one.getByText(worked, { exact: true }).waitFor({ state: "attached" });
    assert.doesNotMatch((await one.textContent()) ?? "", /2h/, path);
  }
  assert.deepEqual(troubles, []);
  await page.close();
});
