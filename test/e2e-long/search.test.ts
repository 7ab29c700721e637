import assert from "node:assert/strict";
import { test } from "node:test";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";
import { seedSamples } from "../e2e/support/samples.ts";

const world = sampledMuster({
  empty: true,
  prepare: async ({ call }) => {
    await call("POST", "/projects", { name: "Northern lights" });
    // More than a page of the list and of what the palette shows of its own.
    for (let number = 1; number <= 26; number++) await call("POST", "/projects", { name: `Project ${number}` });
    await seedSamples(call);
  },
});

test("the palette finds a project that is on no page that was loaded", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/usage`);
  await page.keyboard.press("Control+k");
  const found = page.getByRole("option", { name: "Northern lights" });
  await page.getByRole("option", { name: "Project 26" }).waitFor();
  assert.equal(await found.count(), 0);
  await page.getByRole("combobox", { name: "Search or go to" }).fill("northern");
  await found.waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Northern lights" }).waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});

test("projects and executions are searched in their lists", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/projects`);
  const main = page.getByRole("main");
  await main.getByRole("link", { name: /Operations/ }).waitFor();
  const field = page.getByRole("searchbox", { name: "Search projects by name" });
  await field.fill("northern");
  await main.getByRole("link", { name: /Northern lights/ }).waitFor();
  await main.getByRole("link", { name: /Operations/ }).waitFor({ state: "detached" });
  assert.match(page.url(), /\?search=northern$/);
  await field.fill("nobody has this");
  await main.getByText("No project has this name").waitFor();
  await field.fill("");
  await main.getByRole("link", { name: /Operations/ }).waitFor();

  await page.goto(`${world.muster.url}/executions?search=storage`);
  const rows = main.getByRole("listitem");
  await rows.filter({ hasText: "Compare storage costs" }).waitFor();
  assert.equal(await rows.filter({ hasText: "can we lose data" }).count(), 0);
  await page.getByRole("searchbox", { name: "Search executions by their task" }).fill("");
  await rows.filter({ hasText: "can we lose data" }).waitFor();
  await page.getByRole("tab", { name: "Failed", exact: true }).click();
  await main.getByText("No execution is failed").waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});
