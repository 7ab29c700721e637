import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import type { ExecutionStateAnswer, ProjectAnswer, SquadAnswer, TaskAnswer } from "#contracts";
import { ada, type Call, claim, desk, openContext, phone, watchedPage } from "../e2e/support/people.ts";
import { type RunningMuster, runMuster } from "../e2e/support/running-muster.ts";
import { launchBrowser } from "../support/browser.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

// What pages say and do while the server is away, and when it is back.

let database: TestDatabase;
let muster: RunningMuster;
let browser: Awaited<ReturnType<typeof launchBrowser>>;
let session: Awaited<ReturnType<Awaited<ReturnType<typeof openContext>>["storageState"]>>;
let call: Call;
let projectId: string;
before(async () => {
  database = await createTestDatabase();
  [muster, browser] = await Promise.all([runMuster({ DATABASE_URL: database.url }), launchBrowser()]);
  const context = await openContext(browser, "light", desk);
  call = await claim(context, muster);
  session = await context.storageState();
  projectId = (await call<ProjectAnswer>("POST", "/projects", { name: "Operations" })).project.id;
  await call("POST", "/tasks", { projectId, title: "Test the backups" });
});
after(async () => {
  await browser?.close();
  await muster?.stop();
  await database?.drop();
});

async function openPage(path: string, size: typeof desk | typeof phone = desk): Promise<Page> {
  const context = await browser.newContext({ ...size, storageState: session });
  context.setDefaultTimeout(60_000);
  const { page } = await watchedPage(context, muster);
  const following = page.waitForResponse("**/api/v1/changes");
  await page.goto(muster.url + path);
  await following;
  return page;
}

const reconnecting = (page: Page) => page.getByRole("status").getByText("Reconnecting: what you see may be old.");

test("while the server is away every page says that it may be old, moves nothing, and is read anew when it is back", async () => {
  const dashboard = await openPage("/", phone);
  await dashboard.getByText("Three steps to the first result").waitFor();
  const board = await openPage(`/projects/${projectId}`);
  await board.getByText("Test the backups").waitFor();
  const people = await openPage("/settings?part=people");
  await people.getByRole("main").getByText(ada.name).waitFor();
  const pages = [dashboard, board, people];
  for (const page of pages) {
    await page.evaluate(`(() => {
      globalThis.moved = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) globalThis.moved += entry.value;
      }).observe({ type: "layout-shift" });
    })()`);
  }

  await muster.kill();
  for (const page of pages) {
    await reconnecting(page).waitFor();
    assert.equal(await page.evaluate("navigator.onLine"), true);
  }
  // What happened meanwhile is told by nobody: it is seen only by those who ask.
  await database.db.pool.query("UPDATE tasks SET title = 'Test the restores'");
  await database.db.pool.query("UPDATE users SET name = 'Ada Byron'");
  await muster.start();
  for (const page of pages) await reconnecting(page).waitFor({ state: "detached" });
  await board.getByText("Test the restores").waitFor();
  await people.getByRole("main").getByText("Ada Byron").waitFor();
  for (const page of pages) {
    assert.equal(await page.evaluate("globalThis.moved"), 0);
    await page.context().close();
  }
});

test("a stream that is refused is shown as not live, and followed again on request", async () => {
  const { squad } = await call<SquadAnswer>("POST", "/squads", {
    template: "research-report",
    requireApproval: true,
  });
  const { task } = await call<TaskAnswer>("POST", "/tasks", {
    projectId,
    squadId: squad.id,
    title: "Wait for me",
    description: "Say what is known.",
  });
  const { execution } = await call<ExecutionStateAnswer>("POST", `/tasks/${task.id}/executions`, {});
  const context = await browser.newContext({ ...desk, storageState: session });
  context.setDefaultTimeout(60_000);
  const { page } = await watchedPage(context, muster);
  await page.route("**/events?after=*", (route) => route.fulfill({ status: 403, body: "{}" }));
  await page.goto(`${muster.url}/executions/${execution.id}`);
  const main = page.getByRole("main");
  await main.getByText("Not live").waitFor();
  await page.unroute("**/events?after=*");
  await main.getByRole("button", { name: "Try again" }).click();
  await main.getByText("Live", { exact: true }).waitFor();

  await page.route("**/api/v1/changes", (route) => route.fulfill({ status: 403, body: "{}" }));
  await page.goto(`${muster.url}/projects/${projectId}`);
  const banner = page.getByRole("status").filter({ hasText: "Not live: what you see may be old." });
  await banner.waitFor();
  await page.unroute("**/api/v1/changes");
  await banner.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Not live").waitFor({ state: "detached" });

  // Whoever is signed out meanwhile is led to the sign-in, not left with an old picture.
  await page.route("**/events?after=*", (route) => route.fulfill({ status: 401, body: "{}" }));
  await page.goto(`${muster.url}/executions/${execution.id}`);
  await page.waitForURL("**/sign-in?next=*");
  await context.close();
});
