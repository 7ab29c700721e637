import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import type { ProjectAnswer, TaskAnswer } from "#contracts";
import { waitUntil } from "../e2e/support/running-muster.ts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

let project: ProjectAnswer["project"];

const world = sampledMuster({
  empty: true,
  prepare: async ({ call }) => {
    ({ project } = await call<ProjectAnswer>("POST", "/projects", { name: "Operations" }));
  },
});

const question = (page: Page) => page.getByRole("heading", { name: "Throw away what you typed?" });
const outside = { x: 8, y: 8 };

async function openProjectDialog() {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/projects`);
  const open = () => page.getByRole("button", { name: "New project" }).first().click();
  await open();
  return { page, troubles, open, name: page.getByLabel("Name", { exact: true }) };
}

test("a dialog in which nothing is typed closes on Escape and on a press outside", async () => {
  const { page, troubles, open, name } = await openProjectDialog();
  await name.waitFor();
  await page.keyboard.press("Escape");
  await name.waitFor({ state: "detached" });
  await open();
  await name.waitFor();
  await page.mouse.click(outside.x, outside.y);
  await name.waitFor({ state: "detached" });
  assert.deepEqual(troubles, []);
  await page.close();
});

test("selecting text and letting go outside leaves the dialog open", async () => {
  const { page, troubles, name } = await openProjectDialog();
  await name.fill("A long name to be selected");
  const box = await name.boundingBox();
  assert.ok(box);
  await page.mouse.move(box.x + 120, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(outside.x, box.y, { steps: 6 });
  await page.mouse.up();
  assert.equal(await page.evaluate<string>("String(getSelection())").then((text) => text.length > 0), true);
  // Whatever the release did is done once the page has answered a key after it.
  await name.press("End");
  assert.equal(await name.inputValue(), "A long name to be selected");
  assert.equal(await question(page).count(), 0);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("typed text is thrown away only when one says so, however often Escape is pressed", async () => {
  const { page, troubles, name } = await openProjectDialog();
  await name.fill("Half a thought");
  for (let times = 0; times < 3; times++) {
    await page.keyboard.press("Escape");
    await question(page).waitFor();
    await page.keyboard.press("Escape");
    await question(page).waitFor({ state: "detached" });
    assert.equal(await name.isVisible(), true);
  }
  await page.mouse.click(outside.x, outside.y);
  await question(page).waitFor();
  await page.getByRole("button", { name: "Keep editing" }).click();
  await question(page).waitFor({ state: "detached" });
  assert.equal(await name.inputValue(), "Half a thought");
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await page.getByRole("button", { name: "Throw away" }).click();
  await name.waitFor({ state: "detached" });
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a reload asks while a dialog holds text, and not when there is none", async () => {
  const { page, name } = await openProjectDialog();
  page.removeAllListeners("dialog");
  let answer: "dismiss" | "accept" = "dismiss";
  const asked: string[] = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.type());
    void dialog[answer]();
  });
  // Typed and clicked, not filled in: a browser asks nothing where nobody did anything.
  await name.click();
  await page.keyboard.type("Half a thought");
  // Where it is let go, the page that was told to is gone before it can answer; what was asked is looked at below.
  await page.evaluate("location.reload()").catch(() => undefined);
  await waitUntil(
    5000,
    () => "Nothing was asked",
    async () => asked.length === 1,
  );
  assert.deepEqual(asked, ["beforeunload"]);
  assert.equal(await name.inputValue(), "Half a thought", "who stays has what was typed");

  answer = "accept";
  await name.fill("");
  await page.reload();
  await page.getByRole("button", { name: "New project" }).first().waitFor();
  assert.equal(asked.length, 1, "nothing is lost: nothing is asked");
  await page.close();
});

test("a task that changes while it is edited keeps what is typed and shows the rest as it is", async () => {
  const { task } = await world.call<TaskAnswer>("POST", "/tasks", { projectId: project.id, title: "Edited by two" });
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/projects/${project.id}?task=${task.id}`);
  const [title, wanted] = [page.getByRole("textbox", { name: "Title" }), page.getByLabel("What is wanted")];
  await wanted.fill("Typed here");
  await world.call("PATCH", `/tasks/${task.id}`, { title: "Named elsewhere", description: "Written elsewhere" });
  await waitUntil(
    10_000,
    () => "The new title is not shown",
    async () => (await title.inputValue()) === "Named elsewhere",
  );
  assert.equal(await wanted.inputValue(), "Typed here");
  await page.keyboard.press("Escape");
  await question(page).waitFor();
  await page.getByRole("button", { name: "Keep editing" }).click();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Task saved").waitFor();
  const saved = (await world.call<TaskAnswer>("GET", `/tasks/${task.id}`)).task;
  assert.deepEqual([saved.title, saved.description], ["Named elsewhere", "Typed here"]);
  await page.keyboard.press("Escape");
  await title.waitFor({ state: "detached" });
  assert.deepEqual(troubles, []);
  await page.close();
});
