import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import type { ProjectAnswer, TaskPage } from "#contracts";
import { ada } from "../e2e/support/people.ts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

// A task is begun from anywhere, and what is typed of it outlives a reload and the end of a session.

const world = sampledMuster();

const dialogOf = (page: Page) => page.getByRole("dialog", { name: "New task" });
const titleOf = (page: Page) => dialogOf(page).getByLabel("Title");
const chosenProject = (page: Page) =>
  dialogOf(page).getByLabel("Project").locator("option:checked").filter({ hasNotText: "Loading" }).innerText();
const found = "What you had typed was kept on this device.";
const keptKeys = (page: Page) =>
  page.evaluate<string[]>(`Object.keys(localStorage).filter((key) => key.includes("draft"))`);

async function tasksOf(projectId: string): Promise<string[]> {
  const { data } = await world.call<TaskPage>("GET", `/tasks?projectId=${projectId}&page=1&pageSize=100`);
  return data.map(({ title }) => title);
}

test("a task is begun from the dashboard, by search and by a key; the newest project is chosen until one says another", async () => {
  const { project } = await world.call<ProjectAnswer>("POST", "/projects", { name: "The newest" });
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/`);
  await page.getByRole("button", { name: "New task" }).click();
  await dialogOf(page).getByLabel("Project").selectOption({ label: "Operations" });
  await titleOf(page).fill("From the dashboard");
  await dialogOf(page).getByRole("button", { name: "Create", exact: true }).click();
  await page.getByText("Task created").waitFor();
  await dialogOf(page).waitFor({ state: "detached" });
  assert.ok((await tasksOf(world.samples.projectId)).includes("From the dashboard"));

  await page.goto(`${world.muster.url}/usage`);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search or go to" }).fill("new task");
  await page.getByRole("option", { name: "New task", selected: true }).waitFor();
  await page.keyboard.press("Enter");
  await titleOf(page).waitFor();
  assert.equal(await chosenProject(page), "The newest");
  await page.keyboard.press("Control+k");
  assert.equal(await page.getByRole("combobox", { name: "Search or go to" }).count(), 0, "nothing opens over it");
  await titleOf(page).fill("By search");
  await dialogOf(page).getByRole("button", { name: "Create", exact: true }).click();
  await dialogOf(page).waitFor({ state: "detached" });
  assert.deepEqual(await tasksOf(project.id), ["By search"]);
  assert.equal(new URL(page.url()).pathname, "/usage", "one stays where one was");

  await page.keyboard.press("c");
  await titleOf(page).waitFor();
  await page.goBack();
  await dialogOf(page).waitFor({ state: "detached" });
  assert.equal(page.url(), `${world.muster.url}/usage`);

  // On a board it is a task of that project, on a squad's page one for that squad.
  await page.goto(`${world.muster.url}/projects/${world.samples.projectId}`);
  await page.keyboard.press("c");
  await titleOf(page).waitFor();
  assert.equal(await dialogOf(page).getByLabel("Project").count(), 0);
  await page.goto(`${world.muster.url}/squads/${world.samples.squadId}`);
  await page.getByRole("button", { name: "New task" }).first().click();
  const squad = dialogOf(page).getByLabel("Squad");
  await squad.locator(`option[value="${world.samples.squadId}"]:checked`).waitFor({ state: "attached" });
  assert.deepEqual(await keptKeys(page), [], "what is created is no draft");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a task that is being written outlives a reload; throwing it away is for good", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/`);
  await page.getByRole("button", { name: "New task" }).click();
  await titleOf(page).pressSequentially("Half a task");
  await dialogOf(page).getByLabel("Priority").selectOption("High");
  await dialogOf(page).getByLabel("Project").selectOption({ label: "Writing" });
  await dialogOf(page)
    .getByLabel(/files/i)
    .setInputFiles({ name: "notes.md", mimeType: "text/markdown", buffer: Buffer.from("# Notes") });
  await dialogOf(page).getByText("notes.md").waitFor();
  await dialogOf(page).getByRole("button", { name: "Leave out notes.md" }).click();
  // Its text is kept: the browser has nothing to ask.
  await page.reload();
  await dialogOf(page).getByText(found).waitFor();
  assert.equal(await titleOf(page).inputValue(), "Half a task");
  assert.equal(await dialogOf(page).getByLabel("Priority").inputValue(), "high");
  assert.equal(await chosenProject(page), "Writing");

  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Throw away" }).click();
  await dialogOf(page).waitFor({ state: "detached" });
  assert.deepEqual(await keptKeys(page), []);
  await page.getByRole("button", { name: "New task" }).click();
  await titleOf(page).waitFor();
  assert.equal(await titleOf(page).inputValue(), "");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("when the session ends while a task is written, sign-in says so, comes back, and the task is there to be sent", async () => {
  const { page } = await world.open();
  await page.goto(`${world.muster.url}/usage?range=week`);
  await page.getByRole("table").first().waitFor();
  await page.keyboard.press("c");
  await titleOf(page).fill("Written too long");
  await dialogOf(page).getByLabel("What is wanted").fill("A page of text.");
  await world.context.clearCookies();
  await dialogOf(page).getByRole("button", { name: "Create", exact: true }).click();
  await page.waitForURL("**/sign-in?*");
  await page
    .getByText("Your session has ended. Sign in to go on at Usage. The task you were writing is still there.")
    .waitFor();
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByLabel("Password").fill(ada.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await dialogOf(page).getByText(found).waitFor();
  const { pathname, searchParams } = new URL(page.url());
  assert.deepEqual([pathname, searchParams.get("range")], ["/usage", "week"]);
  assert.equal(await titleOf(page).inputValue(), "Written too long");
  assert.equal(await dialogOf(page).getByLabel("What is wanted").inputValue(), "A page of text.");
  await dialogOf(page).getByLabel("Project").selectOption({ label: "Writing" });
  await dialogOf(page).getByRole("button", { name: "Create", exact: true }).click();
  await page.getByText("Task created").waitFor();
  assert.deepEqual(await keptKeys(page), []);
  await page.close();
});

test("the sign-in page says why one is there and where one will come to", async () => {
  const stranger = await world.browser.newContext();
  const { url } = world.muster;
  const page = await stranger.newPage();
  const says = (words: string) => page.getByText(words, { exact: true }).waitFor();
  await page.goto(`${url}/executions/${world.samples.executionId}`);
  await says("Sign in to go to the execution.");
  await page.goto(`${url}/`);
  await page.waitForURL("**/sign-in");
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  assert.equal(await page.getByText(/session has ended|Sign in to go/).count(), 0, "nobody asked for anything");
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByLabel("Password").fill(ada.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { level: 1, name: "Dashboard" }).waitFor();
  await page.getByRole("button", { name: /Account of/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.waitForURL("**/sign-in");
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  assert.equal(await page.getByText(/session has ended|Sign in to go/).count(), 0, "who leaves knows why");
  await stranger.close();
});
