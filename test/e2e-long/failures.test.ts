import assert from "node:assert/strict";
import { test } from "node:test";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

// What a page shows when its main read or its own code does not come, and that it comes back from there.

const world = sampledMuster();
const problem = { status: 503, code: "unavailable", title: "Too busy", detail: "Try in a minute." };

/** Pages, the read that they cannot do without, and what says that it came. A query keeps the read out of the document. */
const reads = (): [path: string, read: RegExp, ready: string][] => [
  ["/?x", /\/api\/v1\/dashboard/, "text=Recent executions"],
  ["/squads?x", /\/api\/v1\/squads\?/, "text=8 squads"],
  [`/squads/${world.samples.squadId}?x`, /\/api\/v1\/squads\/[\w-]+$/, "text=All changes are saved"],
  ["/projects?x", /\/api\/v1\/projects\?/, "text=2 projects"],
  [`/projects/${world.samples.projectId}?x`, /\/api\/v1\/projects\/[\w-]+$/, "h2:has-text('Pending')"],
  ["/executions?x", /\/api\/v1\/executions\?/, "main li"],
  [`/executions/${world.samples.executionId}?x`, /\/api\/v1\/executions\/[\w-]+$/, "article"],
  [`/executions/${world.samples.executionId}?tab=files`, /\/executions\/[\w-]+\/files$/, "text=Download"],
  [`/executions/${world.samples.executionId}?tab=calls`, /\/llm-calls/, "table"],
  ["/performance?x", /\/api\/v1\/performance/, "table"],
  ["/notifications?x", /\/api\/v1\/notifications/, "main li"],
  ["/settings?part=accounts", /\/api\/v1\/provider-accounts/, "text=No account of your own"],
  ["/settings?part=models", /\/api\/v1\/models/, "table"],
  ["/settings?part=budgets", /\/api\/v1\/budgets/, "text=per month"],
  ["/settings?part=keys", /\/api\/v1\/api-keys/, "text=No key yet"],
  ["/settings?part=people", /\/api\/v1\/people/, "text=Invitations"],
  ["/settings?part=retention", /\/api\/v1\/settings/, "text=Whole database"],
];

test("a main read that fails says so, and Try again leads to the content", async () => {
  const wrong: string[] = [];
  const { page } = await world.open();
  page.setDefaultTimeout(20_000);
  for (const [path, read, ready] of reads()) {
    let broken = true;
    const answer = { status: 503, contentType: "application/problem+json", body: JSON.stringify(problem) };
    await page.route(read, (route) => (broken ? route.fulfill(answer) : route.continue()));
    try {
      await page.goto(world.muster.url + path);
      const again = page.getByRole("alert").getByRole("button", { name: "Try again" }).first();
      await again.waitFor();
      broken = false;
      await again.click();
      await page.locator(ready).first().waitFor();
    } catch (error) {
      wrong.push(`${path}: ${error instanceof Error ? error.message.slice(0, 300) : error}`);
    }
    await page.unroute(read);
  }
  assert.deepEqual(wrong, []);
  await page.close();
});

test("a conversation list that fails says so in its place, leaves the chat to be used, and Try again leads to it", async () => {
  const { page } = await world.open();
  const list = /\/api\/v1\/conversations\?/;
  let broken = true;
  const answer = { status: 503, contentType: "application/problem+json", body: JSON.stringify(problem) };
  await page.route(list, (route) => (broken ? route.fulfill(answer) : route.continue()));
  await page.goto(`${world.muster.url}/chat?x`);
  const line = page.getByRole("alert").filter({ hasText: "The conversations could not be loaded." });
  await line.waitFor();
  assert.equal(await page.getByText("No conversation yet").count(), 0, "it is not said that there are none");
  await page.getByRole("textbox").fill("What is known?");
  assert.equal(await page.getByRole("button", { name: "Send" }).isEnabled(), true);
  broken = false;
  await line.getByRole("button", { name: "Try again" }).click();
  await page.getByText("No conversation yet").waitFor();
  assert.equal(await line.count(), 0);
  await page.close();
});

test("a page whose code does not come keeps the frame, says so, and Try again leads to it", async () => {
  const { page } = await world.open();
  await page.goto(world.muster.url);
  let broken = true;
  let refused = 0;
  await page.route(/\/_next\/static\/.*\.js/, (route) => {
    if (!broken) return route.continue();
    refused += 1;
    return route.abort();
  });
  const navigation = page.getByRole("navigation", { name: "Main" });
  await navigation.getByRole("link", { name: "Settings" }).click();
  const alert = page.getByRole("main").getByRole("alert");
  await alert.getByRole("button", { name: "Try again" }).waitFor();
  assert.ok(refused > 0, "some of its code was refused");
  assert.ok(await navigation.isVisible(), "the frame stays");
  broken = false;
  await alert.getByRole("button", { name: "Try again" }).click();
  await page.getByText("No account of your own").waitFor();
  await page.close();
});

test("where code of the frame itself does not come, Try again loads the page anew, and it works", async () => {
  const { page } = await world.open();
  // Fetched when it is opened, and part of no page: what fails there fails in the frame.
  let broken = true;
  let refused = 0;
  await page.goto(`${world.muster.url}/projects`);
  await page.getByText("2 projects").waitFor();
  await page.route(/\/_next\/static\/.*\.js/, (route) => {
    if (!broken) return route.continue();
    refused += 1;
    return route.abort();
  });
  await page.keyboard.press("Control+k");
  const again = page.getByRole("alert").getByRole("button", { name: "Try again" });
  await again.waitFor();
  assert.ok(refused > 0, "some of its code was refused");
  await page.getByRole("heading", { level: 1, name: "Something went wrong" }).waitFor({ state: "attached" });
  assert.equal(await page.getByRole("navigation", { name: "Main" }).count(), 0, "the frame is gone");
  broken = false;
  await again.click();
  await page.getByText("2 projects").waitFor();
  // What the server drew is there before the page is alive.
  await page.locator("[data-first-view]").waitFor({ state: "detached" });
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog", { name: "Search or go to" }).waitFor();
  await page.close();
});
