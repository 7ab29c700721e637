import assert from "node:assert/strict";
import { test } from "node:test";
import type { Locator, Page } from "playwright-core";
import type { TaskAnswer, TaskPage } from "#contracts";
import { phone } from "../e2e/support/people.ts";
import { waitUntil } from "../e2e/support/running-muster.ts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";
import { lowTargets } from "../e2e/support/targets.ts";
import { pages } from "../e2e/support/test-pages.ts";

// What a finger does on a phone, by touch events as the device sends them.

const world = sampledMuster({ size: phone });

interface Point {
  x: number;
  y: number;
}

/** One finger: each step is a frame of its own. */
async function fingerOf(page: Page) {
  const session = await world.context.newCDPSession(page);
  const send = (type: "touchStart" | "touchMove" | "touchEnd", touchPoints: Point[]) =>
    session.send("Input.dispatchTouchEvent", { type, touchPoints });
  return {
    down: (at: Point) => send("touchStart", [at]),
    async move(from: Point, to: Point, steps = 12) {
      for (let step = 1; step <= steps; step++) {
        const part = step / steps;
        await send("touchMove", [{ x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part }]);
      }
    },
    up: () => send("touchEnd", []),
  };
}

async function middleOf(element: Locator): Promise<Point> {
  const box = await element.boundingBox();
  assert.ok(box);
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

const column = (page: Page, name: string) => page.getByRole("region", { name: new RegExp(`^${name}`) });

test("a finger that rests on a task lifts it and moves it to the next column; Undo puts it back", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/projects/${world.samples.projectId}`);
  const card = (name: string) => column(page, name).getByRole("button", { name: /Ask the vendor/ });
  const { data: tasks } = await world.call<TaskPage>("GET", `/tasks?projectId=${world.samples.projectId}`);
  const taskId = tasks.find(({ title }) => title.startsWith("Ask the vendor"))?.id;
  const statusOf = async () => (await world.call<TaskAnswer>("GET", `/tasks/${taskId}`)).task.status;
  const told = (what: RegExp) => page.getByText(what).first().waitFor({ state: "attached", timeout: 15_000 });
  await card("Pending").waitFor();
  const finger = await fingerOf(page);
  const from = await middleOf(card("Pending"));
  await finger.down(from);
  await told(/Ask the vendor.* is over Pending\./);
  // At the edge of the window the board comes along until the next column is under the finger.
  const edge = { x: phone.viewport.width - 12, y: from.y };
  await finger.move(from, edge);
  await told(/Ask the vendor.* is over In progress\./);
  await finger.up();
  await card("In progress").waitFor();
  await waitUntil(
    5000,
    () => "The move was not saved",
    async () => (await statusOf()) === "in_progress",
  );
  assert.equal(await page.getByRole("dialog").count(), 0, "letting go is no tap on the card");
  await page.getByRole("button", { name: "Undo" }).tap();
  await card("Pending").waitFor();
  await waitUntil(
    5000,
    () => "The undo was not saved",
    async () => (await statusOf()) === "pending",
  );
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a finger that moves at once scrolls the board and lifts nothing; a tap opens the task", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/projects/${world.samples.projectId}`);
  const card = column(page, "Pending").getByRole("button", { name: /Plan the next audit/ });
  await card.waitFor();
  const left = () => column(page, "Pending").evaluate((element) => element.parentElement?.scrollLeft ?? 0);
  assert.equal(await left(), 0);
  const finger = await fingerOf(page);
  const from = await middleOf(card);
  await finger.down(from);
  await finger.move(from, { x: from.x - 150, y: from.y });
  await finger.up();
  await waitUntil(
    5000,
    () => "The board was not scrolled",
    async () => (await left()) > 50,
  );
  assert.equal(await page.getByText(/^Picked up/).count(), 0);
  await card.tap();
  await page.getByRole("dialog", { name: "Plan the next audit" }).waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});

test("what the pointer uncovers elsewhere is there for a finger: links to messages, code to copy, crosses", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/executions/${world.samples.executionId}`);
  const link = page.getByRole("button", { name: "Copy a link to this message" }).first();
  await link.waitFor();
  const opacity = await link.evaluate((one) => one.ownerDocument.defaultView?.getComputedStyle(one).opacity);
  assert.equal(opacity, "1");

  // As on plain http, where browsers have no clipboard.
  await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
  await link.tap();
  await page.getByRole("alert").filter({ hasText: "The browser copies only over https" }).waitFor();
  await page.getByRole("button", { name: "Dismiss" }).first().tap();

  await page.getByRole("button", { name: "Menu" }).tap();
  await page.getByRole("dialog", { name: "Menu" }).getByRole("button", { name: "Close" }).tap();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Search or go to" }).tap();
  await page.getByRole("dialog", { name: "Search or go to" }).getByRole("button", { name: "Close" }).tap();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.deepEqual(troubles, []);
  await page.close();
});

test("whatever a finger presses is 40 px high, on every page and in what a press opens", async () => {
  const { page } = await world.open();
  const low: string[] = [];
  for (const [path, ready] of pages(world.samples)) {
    await page.goto(world.muster.url + path);
    await page.locator(ready).first().waitFor();
    low.push(...(await lowTargets(page, path)));
  }
  const button = (name: string | RegExp) => page.getByRole("button", { name }).first();
  const shows = async (what: string, path: string, open: () => Promise<void>, shown: Locator) => {
    await page.goto(world.muster.url + path);
    await open();
    await shown.first().waitFor();
    low.push(...(await lowTargets(page, what)));
  };
  const dialog = page.getByRole("dialog");
  await shows("the menu", "/", () => button("Menu").tap(), dialog);
  await shows(
    "the menu of the account",
    "/",
    async () => {
      await button("Menu").tap();
      await button(/^Account of/).tap();
    },
    page.getByRole("menu"),
  );
  await shows("the search", "/", () => button("Search or go to").tap(), page.getByRole("option"));
  await shows("a new task", "/", () => button("New task").tap(), dialog.getByLabel("Title"));
  await shows("a new project", "/projects", () => button("New project").tap(), dialog.getByLabel("Name"));
  await shows("a new account", "/settings", () => button("Add an account").tap(), dialog.getByLabel("Provider"));
  const squad = `/squads/${world.samples.squadId}`;
  await shows("the menu of a squad", squad, () => button("More about this squad").tap(), page.getByRole("menu"));
  await shows(
    "a member",
    squad,
    () => page.locator("main li button[aria-expanded]").first().tap(),
    page.getByLabel("Instructions"),
  );
  await shows("a way back", squad, () => button(/^Remove /).tap(), page.getByRole("button", { name: "Undo" }));
  await shows(
    "a question",
    squad,
    async () => {
      await button("More about this squad").tap();
      await page.getByRole("menuitem", { name: "Delete" }).tap();
    },
    dialog,
  );
  assert.equal([...new Map(low.map((line) => [line.replace(/^\S+ /, ""), line])).values()].join("\n"), "");
  await page.close();
});
