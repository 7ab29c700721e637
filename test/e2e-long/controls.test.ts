import assert from "node:assert/strict";
import { test } from "node:test";
import type { Locator, Page } from "playwright-core";
import { assertFocused, keyboardOf } from "../e2e/support/keyboard.ts";
import { desk, watchedPage } from "../e2e/support/people.ts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

// Controls that serve people who use them in different ways: keys that can be turned off, messages that wait, drag or keyboard.

const world = sampledMuster();

const heading = (page: Page, name: string) => page.getByRole("heading", { level: 1, name, exact: true });

test("keys of a single character can be turned off, everywhere on the device, and on again", async () => {
  const { page, troubles } = await world.open();
  const keys = await keyboardOf(page);
  await page.goto(`${world.muster.url}/shortcuts`);
  await page.getByText("Keys of a single character can be turned off").waitFor();
  await keys.enter(page.getByRole("main").getByRole("link", { name: "settings" }));
  const choice = page.getByLabel("Shortcuts of a single key");
  await keys.to(choice);
  await keys.press("Space");
  assert.equal(await choice.isChecked(), false);

  await page.goto(`${world.muster.url}/shortcuts`);
  await page.getByText("Keys of a single character are turned off").waitFor();
  // Ctrl-K is handled after those before it: when the palette is open, they had their chance.
  const press = async (...pressed: string[]) => {
    await keys.press(...pressed, "Control+k");
    await page.getByRole("dialog", { name: "Search or go to" }).waitFor();
    assert.equal(await page.getByRole("option", { name: "New squad" }).innerText(), "New squad", "no key is told");
    await keys.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  };
  await press("n", "g", "s", "?");
  assert.equal(new URL(page.url()).pathname, "/shortcuts");
  await page.goto(`${world.muster.url}/projects/${world.samples.projectId}`);
  const newTask = page.getByRole("button", { name: "New task" }).first();
  await newTask.waitFor();
  assert.equal(await newTask.getAttribute("aria-keyshortcuts"), null);
  await press("c");
  await page.goto(`${world.muster.url}/executions/${world.samples.executionId}`);
  await page.locator("article").first().waitFor();
  await press("/");
  assert.equal(await page.evaluate("document.activeElement.matches('input')"), false);

  await page.goto(`${world.muster.url}/settings?part=appearance`);
  await keys.to(choice);
  await keys.press("Space");
  assert.equal(await choice.isChecked(), true);
  await keys.press("Tab", "g", "s");
  await heading(page, "Squads").waitFor();
  assert.equal(await keys.pointerUses(), 0);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("on Apple's machines the command key is called by its sign, elsewhere Ctrl", async () => {
  for (const [platform, said] of [
    ["MacIntel", "⌘ K"],
    ["Linux x86_64", "Ctrl K"],
  ] as const) {
    const { page, troubles } = await world.open();
    await page.addInitScript(`Object.defineProperty(navigator, "platform", { get: () => "${platform}" })`);
    await page.goto(`${world.muster.url}/shortcuts`);
    await page.getByRole("button", { name: `Search or go to ${said}` }).waitFor();
    await page.locator("dd", { hasText: said.replace(" ", "") }).waitFor();
    assert.deepEqual(troubles, []);
    await page.close();
  }
});

/** A page of the same person on a device that holds no draft of a squad. */
async function pageWithoutDraft() {
  const { cookies } = await world.context.storageState();
  const device = await world.browser.newContext({ ...desk, storageState: { cookies, origins: [] } });
  device.setDefaultTimeout(30_000);
  return watchedPage(device, world.muster);
}

/** Names of the members in the builder, in their order. */
const members = (page: Page) => page.getByRole("button", { name: /^Remove / });
/** The roles beside them. */
const rolesOf = (page: Page) => page.locator("section").filter({ has: page.getByRole("heading", { name: "Roles" }) });
const names = async (page: Page) =>
  (await members(page).evaluateAll((all) => all.map((each) => each.getAttribute("aria-label") ?? ""))).map((label) =>
    label.replace("Remove ", ""),
  );

test("at 1280 px a role is dragged among the members; by keyboard it is added, and a member moved", async () => {
  const { page, troubles } = await pageWithoutDraft();
  await page.goto(`${world.muster.url}/squads/new`);
  await page.getByRole("button", { name: /Blank/ }).click();
  const roles = rolesOf(page);
  await drag(page, roles.getByText("Writer", { exact: true }), page.getByText("Drag a role here"));
  await page.getByRole("button", { name: "Remove Writer" }).waitFor();
  assert.deepEqual(await names(page), ["Writer"]);

  const keys = await keyboardOf(page);
  await keys.enter(roles.getByRole("button", { name: "Add Researcher" }));
  await page.getByRole("button", { name: "Remove Researcher" }).waitFor();
  await assertFocused(page, "adding a role");
  assert.deepEqual(await names(page), ["Writer", "Researcher"]);
  await keys.to(page.getByRole("button", { name: "Move Researcher" }));
  const told = (what: string) => page.getByText(what, { exact: true }).waitFor({ state: "attached" });
  await keys.press("Space");
  await told("Researcher is at place 2.");
  await keys.press("ArrowUp");
  await told("Researcher is at place 1.");
  await keys.press("Space");
  await told("Researcher is put at place 1.");
  assert.deepEqual(await names(page), ["Researcher", "Writer"]);
  assert.deepEqual(troubles, []);
  await page.context().close();
});

test("an arrow that is pressed at once after picking up is not lost, however busy the page is", async () => {
  const { page, troubles } = await pageWithoutDraft();
  await page.goto(`${world.muster.url}/squads/new`);
  await page.getByRole("button", { name: /Blank/ }).click();
  const roles = rolesOf(page);
  for (const role of ["Writer", "Researcher", "Editor"])
    await roles.getByRole("button", { name: `Add ${role}` }).click();
  await page.getByRole("button", { name: "Move Editor", exact: true }).focus();
  // All in one task of the page: no timer and no drawing comes between, as none does on a machine that is busy.
  await page.evaluate(`for (const code of ["Space", "ArrowUp"])
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { code, key: code === "Space" ? " " : code, bubbles: true, cancelable: true }))`);
  const told = (what: string) => page.getByText(what, { exact: true }).waitFor({ state: "attached" });
  await told("Editor is at place 2.");
  await page.keyboard.press("ArrowUp");
  await told("Editor is at place 1.");
  await page.keyboard.press("Space");
  await told("Editor is put at place 1.");
  assert.deepEqual(await names(page), ["Editor", "Writer", "Researcher"]);
  assert.deepEqual(troubles, []);
  await page.context().close();
});

async function drag(page: Page, from: Locator, to: Locator): Promise<void> {
  await from.hover();
  await page.mouse.down();
  const place = await to.boundingBox();
  assert.ok(place);
  await page.mouse.move(place.x + place.width / 2, place.y + place.height / 2, { steps: 8 });
  await page.mouse.up();
}

test("a way back stays while it has the pointer or the focus, and later messages do not push it out", async () => {
  const { page, troubles } = await pageWithoutDraft();
  await page.clock.install();
  await page.goto(`${world.muster.url}/squads/new`);
  await page.getByRole("button", { name: /Blank/ }).click();
  const roles = rolesOf(page);
  const chosen = ["Writer", "Researcher", "Editor", "Analyst"];
  for (const role of chosen) await roles.getByRole("button", { name: `Add ${role}` }).click();
  for (const role of chosen) await page.getByRole("button", { name: `Remove ${role}` }).click();
  const undo = page.getByRole("region", { name: "Messages" }).getByRole("button", { name: "Undo" });
  assert.equal(await undo.count(), 4, "a fourth message left each way back where it was");
  await undo.first().hover();
  await page.clock.fastForward(60_000);
  assert.equal(await undo.count(), 4, "they wait under the pointer");
  await undo.first().focus();
  await page.mouse.move(5, 5);
  await page.clock.fastForward(60_000);
  assert.equal(await undo.count(), 4, "they wait under the focus");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Remove Writer" }).waitFor();
  assert.equal(await undo.count(), 3);
  await page.getByRole("heading", { level: 1 }).click();
  await page.clock.runFor(20_000);
  await undo.waitFor({ state: "detached" });
  assert.deepEqual(troubles, []);
  await page.context().close();
});
