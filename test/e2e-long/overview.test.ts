import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import type {
  Dashboard,
  ExecutionAnswer,
  ExecutionStateAnswer,
  Me,
  ProjectAnswer,
  SquadAnswer,
  TaskAnswer,
} from "#contracts";
import { type PacedProvider, startPacedProvider } from "../e2e/support/paced-provider.ts";
import { waitUntil } from "../e2e/support/running-muster.ts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";
import { runTask } from "../e2e/support/samples.ts";

// What the first page says of everything, and what can be done from it.

let provider: PacedProvider;
const world = sampledMuster({
  empty: true,
  prepare: async () => {
    provider = await startPacedProvider({ latencyMs: 600_000, wordsPerSecond: 100 });
  },
});
after(() => provider?.close());

const figure = (page: Page, name: string) => page.locator(`dt:text-is("${name}") + dd`);
const step = (page: Page, title: string) => page.getByRole("listitem").filter({ hasText: title });

test("the first steps stay, ticked as they are done, until something was run", async () => {
  const { page, troubles } = await world.open();
  const done = async () => {
    await page.goto(world.muster.url);
    await page.getByText("Three steps to the first result").waitFor();
  };
  await done();
  assert.equal(await page.getByLabel("Done").count(), 0);
  const { squad } = await world.call<SquadAnswer>("POST", "/squads", { template: "research-report", name: "Readers" });
  await done();
  await step(page, "1. Build a squad").getByLabel("Done").waitFor();
  await page.goto(`${world.muster.url}/squads/${squad.id}`);
  await page.getByText("It has not run yet").waitFor();
  await page.getByRole("button", { name: "New task" }).first().click();
  const dialog = page.getByRole("dialog", { name: "New task" });
  await dialog.getByText("There is none yet: the first one is made for it.").waitFor();
  await dialog.getByLabel("Title").fill("Read the rules");
  assert.equal(await dialog.getByLabel("Squad").inputValue(), squad.id);
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByText("Task created").waitFor();
  await done();
  await step(page, "2. Give it a task").getByLabel("Done").waitFor();
  await page.getByRole("link", { name: "Run the task" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Run", exact: true }).click();
  await page.waitForURL("**/executions/*");
  await page.getByRole("tab", { name: "Result" }).waitFor();
  await page.getByRole("link", { name: "Dashboard" }).first().click();
  await page.getByRole("heading", { name: "Recent executions" }).or(page.getByText("Read the rules")).first().waitFor();
  assert.equal(await page.getByText("Three steps to the first result").count(), 0);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a notification that is opened from the dashboard is read; all are by “Mark all as read”", async () => {
  const unread = async () => (await world.call<Me>("GET", "/me")).unreadNotifications;
  const { task } = await world.call<TaskAnswer>("POST", "/tasks", { title: "Told", squadId: await anySquad() });
  for (const _ of [1, 2, 3]) await runTask(world.call, task.id);
  const before = await unread();
  assert.ok(before >= 3, `${before} are unread`);
  const { page, troubles } = await world.open();
  await page.goto(world.muster.url);
  await page
    .locator("main")
    .getByRole("link", { name: /\(unread\)/ })
    .first()
    .click();
  await page.waitForURL("**/executions/*");
  await waitUntil(
    5000,
    () => "It is still unread",
    async () => (await unread()) === before - 1,
  );
  await page.goto(`${world.muster.url}/notifications`);
  await page.getByText("(unread)").first().waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Mark all as read" }).click();
  await page.getByText("(unread)").first().waitFor({ state: "detached" });
  assert.equal(await unread(), 0);
  assert.equal(await page.getByRole("button", { name: "Mark all as read" }).isDisabled(), true);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("refusing says that the run has failed, and Retry brings it back to be asked again", async () => {
  const { squad } = await world.call<SquadAnswer>("POST", "/squads", {
    template: "research-report",
    name: "Asks first",
  });
  await world.call("PATCH", `/squads/${squad.id}`, { requireApproval: true });
  const { task } = await world.call<TaskAnswer>("POST", "/tasks", { title: "Ask me", squadId: squad.id });
  const { execution } = await world.call<ExecutionStateAnswer>("POST", `/tasks/${task.id}/executions`, {});
  const statusIs = (wanted: string) =>
    waitUntil(
      30_000,
      () => `It is not ${wanted}`,
      async () => (await world.call<ExecutionAnswer>("GET", `/executions/${execution.id}`)).execution.status === wanted,
    );
  await statusIs("awaiting_approval");
  const { page, troubles } = await world.open();
  await page.goto(world.muster.url);
  await page.getByRole("button", { name: "Refuse: Ask me" }).click();
  const told = page.getByRole("region", { name: "Messages" });
  await told.getByText("Refused: the run has ended as failed").waitFor();
  await statusIs("failed");
  await told.getByRole("button", { name: "Retry" }).click();
  await statusIs("awaiting_approval");

  await page.goto(`${world.muster.url}/executions/${execution.id}`);
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  await page.route("**/approve", async (route) => {
    asked.resolve();
    await release.promise;
    await route.continue();
  });
  const approve = page.getByRole("button", { name: "Approve", exact: true });
  assert.equal(await approve.isEnabled(), true);
  await page.getByRole("button", { name: "Refuse", exact: true }).click();
  await asked.promise;
  assert.equal(await approve.isDisabled(), true, "one answer at a time");
  release.resolve();
  await page.getByRole("region", { name: "Messages" }).getByText("Refused").waitFor();
  await statusIs("failed");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("the figures count everything that runs and waits, not what is listed, and follow it; a paused squad shows both", async () => {
  await world.call("POST", "/provider-accounts", {
    kind: "openai_compatible",
    name: "Slow",
    baseUrl: provider.baseUrl,
    allowPrivateAddress: true,
    models: [provider.model],
  });
  const { squad } = await world.call<SquadAnswer>("POST", "/squads", {
    name: "Many at once",
    members: [{ name: "One", role: "writer", model: provider.model }],
  });
  const { project } = await world.call<ProjectAnswer>("POST", "/projects", { name: "Many" });
  const executions: string[] = [];
  for (let number = 0; number < 14; number++) {
    const body = { projectId: project.id, squadId: squad.id, title: `Task ${number}` };
    const { task } = await world.call<TaskAnswer>("POST", "/tasks", body);
    const started = await world.call<ExecutionStateAnswer>("POST", `/tasks/${task.id}/executions`, {});
    executions.push(started.execution.id);
  }
  const { page, troubles } = await world.open();
  await page.goto(world.muster.url);
  const shown = async () => {
    const running = Number(await figure(page, "Running").innerText());
    const note = await page.locator('dt:text-is("Running") + dd + dd').innerText();
    return running + Number(/(\d+) queued/.exec(note)?.[1] ?? 0);
  };
  await waitUntil(
    10_000,
    () => "14 are not counted",
    async () => (await shown()) === 14,
  );
  const { liveCounts } = await world.call<Dashboard>("GET", "/dashboard");
  assert.equal(liveCounts.running + liveCounts.queued, 14);
  for (const id of executions.slice(0, 3)) await world.call("POST", `/executions/${id}/cancel`);
  await waitUntil(
    10_000,
    () => "11 are not counted",
    async () => (await shown()) === 11,
  );
  await page.getByRole("link", { name: "All running" }).click();
  await page.waitForURL("**/executions?status=running");

  await world.call("PATCH", `/squads/${squad.id}`, { status: "paused" });
  await page.goto(`${world.muster.url}/squads?search=Many`);
  const card = page.getByRole("listitem").filter({ hasText: "Many at once" });
  await card.getByText("11 live").waitFor();
  await card.getByText("Paused").waitFor();
  await card.getByText("this month").waitFor();
  for (const id of executions.slice(3)) await world.call("POST", `/executions/${id}/cancel`);
  assert.deepEqual(troubles, []);
  await page.close();
});

async function anySquad(): Promise<string> {
  const { data } = await world.call<{ data: { id: string }[] }>("GET", "/squads?page=1&pageSize=1");
  return data[0]?.id ?? assert.fail("there is no squad");
}
