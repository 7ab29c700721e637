import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import type { Locator } from "playwright-core";
import type { SquadPage, TaskAnswer } from "#contracts";
import { waitUntil } from "../e2e/support/running-muster.ts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

const world = sampledMuster();

/** What screen readers add to a control's name. */
const descriptionOf = async (control: Locator) =>
  control
    .page()
    .locator(`[id="${await control.getAttribute("aria-describedby")}"]`)
    .innerText();

test("a task that is dragged with the pointer is moved at once, saved, and put back by Undo", async () => {
  const { page, troubles } = await world.open();
  const statusOf = async () => (await world.call<TaskAnswer>("GET", `/tasks/${world.samples.taskId}`)).task.status;
  await page.goto(`${world.muster.url}/projects/${world.samples.projectId}`);
  // The server's answer is held back: what is seen before it is let go does not wait for it.
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  await page.route(`**/api/v1/tasks/${world.samples.taskId}`, async (route) => {
    if (route.request().method() === "PATCH") {
      asked.resolve();
      await release.promise;
    }
    await route.continue();
  });
  const column = (name: string) => page.getByRole("region", { name: new RegExp(`^${name}`) });
  const cardIn = (name: string) => column(name).getByRole("button", { name: /can we lose data/ });
  const from = await cardIn("Completed").boundingBox();
  const to = await column("Cancelled").boundingBox();
  assert.ok(from && to);
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await page.mouse.down();
  await page.mouse.move(to.x + to.width / 2, to.y + 120, { steps: 12 });
  await page.mouse.up();
  await asked.promise;
  await cardIn("Cancelled").waitFor();
  assert.equal(await cardIn("Completed").count(), 0);
  assert.equal(await statusOf(), "completed", "the server has not heard of it");
  release.resolve();
  await waitUntil(
    5000,
    () => "The move was not saved",
    async () => (await statusOf()) === "cancelled",
  );
  await page.getByRole("button", { name: "Undo" }).click();
  await cardIn("Completed").waitFor();
  await waitUntil(
    5000,
    () => "The undo was not saved",
    async () => (await statusOf()) === "completed",
  );
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a move that the server refuses goes back and says so", async () => {
  const { page } = await world.open();
  await page.goto(`${world.muster.url}/projects/${world.samples.projectId}`);
  await page.route(`**/api/v1/tasks/${world.samples.taskId}`, (route) =>
    route.request().method() === "GET" ? route.continue() : route.abort(),
  );
  const column = (name: string) => page.getByRole("region", { name: new RegExp(`^${name}`) });
  const card = column("Completed").getByRole("button", { name: /can we lose data/ });
  const from = await card.boundingBox();
  const to = await column("Cancelled").boundingBox();
  assert.ok(from && to);
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await page.mouse.down();
  await page.mouse.move(to.x + to.width / 2, to.y + 120, { steps: 12 });
  await page.mouse.up();
  await page.getByRole("alert").filter({ hasText: "The task was not moved" }).waitFor();
  await card.waitFor();
  await page.close();
});

test("a status that is saved in a task moves its card at once, and Undo puts it back", async () => {
  const { page, troubles } = await world.open();
  const statusOf = async () => (await world.call<TaskAnswer>("GET", `/tasks/${world.samples.taskId}`)).task.status;
  await page.goto(`${world.muster.url}/projects/${world.samples.projectId}`);
  const cardIn = (name: string) =>
    page
      .getByRole("region", { name: new RegExp(`^${name}`), includeHidden: true })
      .locator("button", { hasText: "can we lose data" });
  await cardIn("Completed").click();
  const dialog = page.getByRole("dialog", { name: /can we lose data/ });
  await dialog.getByLabel("Status").selectOption("Failed");
  const run = dialog.getByRole("button", { name: "Run" });
  assert.equal(await run.isDisabled(), true);
  assert.match(await descriptionOf(run), /Save the changes to run this task/);
  let refused = true;
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  await page.route(`**/api/v1/tasks/${world.samples.taskId}`, async (route) => {
    if (route.request().method() !== "PATCH") return route.continue();
    if (refused) return route.abort();
    asked.resolve();
    await release.promise;
    await route.continue();
  });
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByRole("alert").filter({ hasText: "The server did not answer" }).waitFor();
  await cardIn("Completed").waitFor();
  assert.equal(await dialog.getByLabel("Status").inputValue(), "failed", "what was chosen is still there");

  refused = false;
  await dialog.getByRole("button", { name: "Save" }).click();
  await asked.promise;
  await cardIn("Failed").waitFor();
  release.resolve();
  await dialog.waitFor({ state: "detached" });
  assert.equal(await statusOf(), "failed");
  await page.getByRole("button", { name: "Undo" }).click();
  await cardIn("Completed").waitFor();
  await waitUntil(
    5000,
    () => "The undo was not saved",
    async () => (await statusOf()) === "completed",
  );
  assert.deepEqual(
    troubles.filter((trouble) => !trouble.includes("ERR_FAILED")),
    [],
  );
  await page.close();
});

test("what keeps a task from being run stands beside the button", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/projects/${world.samples.projectId}?task=${world.samples.taskId}`);
  const budget = page.getByLabel("Budget $");
  await budget.fill("much");
  await page.getByText("Write a budget such as 5 or 0.50, or none.").waitFor();
  assert.match(await descriptionOf(budget), /Write a budget/);
  await budget.fill("0.50");
  await page.getByText("Write a budget").waitFor({ state: "detached" });
  assert.equal(await page.getByRole("button", { name: "Run" }).isDisabled(), false);
  await page.goto(`${world.muster.url}/projects/${world.samples.projectId}`);
  await page.getByRole("button", { name: "New task" }).click();
  const run = page.getByRole("button", { name: "Create and run" });
  assert.equal(await run.isDisabled(), true);
  assert.match(await descriptionOf(run), /choose a squad/);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("deleting a squad asks; the answer no leaves it, yes takes it away", async () => {
  const { page, troubles } = await world.open();
  const { data } = await world.call<SquadPage>("GET", "/squads?page=1&pageSize=24");
  const squad = data.find((one) => one.name === "Market watch");
  assert.ok(squad);
  const ask = async () => {
    await page.getByRole("button", { name: "More about this squad" }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByText("this cannot be undone").waitFor();
  };
  await page.goto(`${world.muster.url}/squads/${squad.id}`);
  await ask();
  await page.keyboard.press("Escape");
  await page.getByText("this cannot be undone").waitFor({ state: "detached" });
  await world.call("GET", `/squads/${squad.id}`);
  await ask();
  await page.getByRole("button", { name: "Delete the squad" }).click();
  await page.getByText("Squad deleted").waitFor();
  await page.waitForURL("**/squads");
  await page.locator("main li").first().waitFor();
  assert.equal(await page.getByText("Market watch").count(), 0);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("the usage is exported as a table of the calls that the page counts", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/usage`);
  await page.locator("table").waitFor();
  const shown = await page.locator("dt:text-is('Calls') + dd").innerText();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "CSV" }).click(),
  ]);
  assert.match(download.suggestedFilename(), /\.csv$/);
  const lines = (await readFile(await download.path(), "utf8")).trim().split(/\r?\n/);
  assert.match(lines[0] ?? "", /model/i);
  assert.equal(lines.length - 1, Number(shown), "a line for each call");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("what is changed in a squad is checked, kept on the device, and thrown away on request", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/squads/${world.samples.squadId}`);
  const name = page.getByLabel("Name", { exact: true });
  const goal = page.getByLabel("Goal");
  const [storedName, storedGoal] = [await name.inputValue(), await goal.inputValue()];
  assert.ok(storedName && storedGoal, "the fields have what is stored");
  const members = page.getByRole("button", { name: /^Move / });
  const count = await members.count();

  await name.fill("");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("A squad needs a name.").waitFor();
  await name.fill("Another name");
  await page.getByText("A squad needs a name.").waitFor({ state: "detached" });
  await goal.fill("Another goal");
  await page
    .getByRole("button", { name: /^Remove / })
    .first()
    .click();
  assert.equal(await members.count(), count - 1);
  await page.getByText("Unsaved; kept on this device").waitFor();

  await page.reload();
  await page.getByText("Your unsaved changes were kept on this device.").waitFor();
  assert.deepEqual([await name.inputValue(), await goal.inputValue()], ["Another name", "Another goal"]);
  assert.equal(await members.count(), count - 1);

  await page.getByRole("button", { name: "Discard changes" }).click();
  await page.getByText("All changes are saved").waitFor();
  assert.deepEqual([await name.inputValue(), await goal.inputValue()], [storedName, storedGoal]);
  assert.equal(await members.count(), count);

  await page.reload();
  await page.getByText("All changes are saved").waitFor();
  assert.equal(await name.inputValue(), storedName, "the draft is gone");
  assert.deepEqual(troubles, []);
  await page.close();
});
