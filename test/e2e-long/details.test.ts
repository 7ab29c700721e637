import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, BrowserContext } from "playwright-core";
import sharp from "sharp";
import type { ExecutionFileList, ExecutionStateAnswer, SquadAnswer, TaskAnswer, ToolCallPage } from "#contracts";
import { type Call, claim, desk, openContext, watchedPage } from "../e2e/support/people.ts";
import { type RunningMuster, runMuster, waitUntil } from "../e2e/support/running-muster.ts";
import { type Samples, seedSamples } from "../e2e/support/samples.ts";
import { launchBrowser } from "../support/browser.ts";

let muster: RunningMuster;
let browser: Browser;
let context: BrowserContext;
let call: Call;
let samples: Samples;

before(async () => {
  [muster, browser] = await Promise.all([runMuster(), launchBrowser()]);
  context = await openContext(browser, "light", desk);
  call = await claim(context, muster);
  samples = await seedSamples(call);
});
after(async () => {
  await browser?.close();
  await muster?.stop();
});

async function photograph(colour: string) {
  const buffer = await sharp({ create: { width: 640, height: 480, channels: 3, background: colour } })
    .jpeg()
    .toBuffer();
  return { name: "me.jpg", mimeType: "image/jpeg", buffer };
}

test("a person and a member get a picture, see it after a reload, and get a removed one back", async () => {
  const { page, troubles } = await watchedPage(context, muster);
  await page.goto(`${muster.url}/settings?part=profile`);
  await page.getByLabel(/^Picture of/).setInputFiles(await photograph("#7a3b2e"));
  await page.getByText("Picture saved").waitFor();
  const own = page.locator("#settings-part img");
  await own.waitFor();
  await page.reload();
  await own.waitFor();
  const shown = await own.evaluate(
    (image: { currentSrc: string; naturalWidth: number; loading: string; width: number; height: number }) => ({
      source: new URL(image.currentSrc).pathname,
      wide: image.naturalWidth > 0,
      lazy: image.loading,
      size: [image.width, image.height],
    }),
  );
  assert.match(shown.source, /^\/api\/v1\/avatars\/[\w-]{22}\/40\.avif$/);
  assert.deepEqual([shown.wide, shown.lazy, shown.size], [true, "lazy", [40, 40]]);
  await page.getByRole("button", { name: "Remove picture" }).click();
  await own.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await own.waitFor();

  await page.goto(`${muster.url}/squads/${samples.squadId}`);
  await page.locator("ol [aria-expanded]").first().click();
  await page.getByLabel("Instructions").fill("Not saved yet");
  await page.getByLabel(/^Picture of/).setInputFiles(await photograph("#2e5b7a"));
  await page.getByText("Picture saved").waitFor();
  await page.locator("ol img").first().waitFor();
  assert.equal(await page.getByLabel("Instructions").inputValue(), "Not saved yet");
  await page.goto(`${muster.url}/executions/${samples.executionId}`);
  await page.locator("article").first().waitFor();
  await page.locator("main img").first().waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});

test("after a reload, tool calls show what came of them; a file shows what was changed in it", async () => {
  const calls = await call<ToolCallPage>("GET", `/executions/${samples.executionId}/tool-calls`);
  assert.ok(calls.data.length > 0, "the squad used its tools");
  const files = await call<ExecutionFileList>("GET", `/executions/${samples.executionId}/files`);
  const made = files.data.find((file) => !file.path.startsWith("attachments/"));
  assert.ok(made, "the squad made a file");
  const { page, troubles } = await watchedPage(context, muster);
  await page.goto(`${muster.url}/executions/${samples.executionId}`);
  const folded = page.locator("article details").filter({ has: page.getByRole("img", { name: "Completed" }) });
  await folded.first().waitFor();
  await folded.first().locator("summary").click();
  await folded.first().getByText("Result", { exact: true }).waitFor();
  await page.goto(`${muster.url}/executions/${samples.executionId}?tab=files`);
  await page.getByRole("list", { name: "Files" }).getByText(made.path).click();
  await page.getByRole("button", { name: "Changes" }).click();
  await page.getByRole("region", { name: `Changes of ${made.path}` }).waitFor();
  assert.ok((await page.locator("tr:has-text('added: ')").count()) > 0);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("the owner changes how long journals stay whole, and takes it back", async () => {
  const { page, troubles } = await watchedPage(context, muster);
  await page.goto(`${muster.url}/settings?part=retention`);
  const days = page.getByLabel("Days after the end");
  await days.fill("0");
  await page.getByText("A whole number from 1").waitFor();
  await days.fill("7");
  await page.getByText("does not come back").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved", { exact: true }).waitFor();
  assert.equal(await days.inputValue(), "7");
  await page.getByRole("button", { name: "Undo" }).click();
  await waitUntil(
    5_000,
    () => "The days stay as they are",
    async () => (await days.inputValue()) === "30",
  );
  await page.getByText("Whole database").waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});

test("dashboard and board follow what happens elsewhere without asking; an approval is given on the dashboard", async () => {
  const dashboard = await watchedPage(context, muster);
  const board = await watchedPage(context, muster);
  let asked = 0;
  dashboard.page.on("request", (request) => {
    if (new URL(request.url()).pathname === "/api/v1/dashboard") asked += 1;
  });
  const following = dashboard.page.waitForResponse(/\/api\/v1\/changes$/);
  await dashboard.page.goto(muster.url);
  await dashboard.page.getByText("Nothing is running").waitFor();
  await following;
  await board.page.goto(`${muster.url}/projects/${samples.projectId}`);
  await board.page.getByRole("heading", { name: "Pending" }).waitFor();
  const { squad } = await call<SquadAnswer>("POST", "/squads", {
    template: "research-report",
    name: "Careful desk",
    requireApproval: true,
  });
  const { task } = await call<TaskAnswer>("POST", "/tasks", {
    projectId: samples.projectId,
    squadId: squad.id,
    title: "Ask me first",
    description: "Say what is known about backups.",
  });
  await board.page.getByText("Ask me first").waitFor();
  const before = asked;
  await call<ExecutionStateAnswer>("POST", `/tasks/${task.id}/executions`, {});
  const approve = dashboard.page.getByRole("button", { name: "Approve: Ask me first" });
  await approve.waitFor();
  assert.equal(asked, before, "nobody asked for the dashboard again");
  await approve.click();
  await approve.waitFor({ state: "detached" });
  await waitUntil(
    30_000,
    () => "The card does not move to the column of what is done",
    async () =>
      (await board.page
        .locator("section, li, div")
        .filter({ hasText: /^Completed/ })
        .getByText("Ask me first")
        .count()) > 0,
  );
  const notices = dashboard.page
    .locator("section")
    .filter({ has: dashboard.page.getByRole("heading", { name: "Notifications" }) });
  await notices.getByText("Ask me first").first().waitFor();
  assert.deepEqual([...dashboard.troubles, ...board.troubles], []);
  await dashboard.page.close();
  await board.page.close();
});

test("the window is named after the thing one looks at, and after the page again when one leaves it", async () => {
  const { page, troubles } = await watchedPage(context, muster);
  const { squad } = await call<SquadAnswer>("GET", `/squads/${samples.squadId}`);
  const isNamed = (title: string) =>
    waitUntil(
      10_000,
      () => `The window is not named ${title}`,
      async () => (await page.title()) === `${title} · Muster`,
    );
  await page.goto(`${muster.url}/squads/${squad.id}`);
  await isNamed(squad.name);
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Projects" }).click();
  await isNamed("Projects");
  // Next writes a page's title more than once: none of them brings back the name of what is gone.
  await page.waitForTimeout(500);
  assert.equal(await page.title(), "Projects · Muster");
  await page.goBack();
  await isNamed(squad.name);
  assert.deepEqual(troubles, []);
  await page.close();
});
