import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, BrowserContext } from "playwright-core";
import { launchBrowser } from "../support/browser.ts";
import { assertFocused, keyboardOf } from "./support/keyboard.ts";
import { ada, desk, openContext, watchedPage } from "./support/people.ts";
import { type RunningMuster, runMuster } from "./support/running-muster.ts";

let muster: RunningMuster;
let browser: Browser;
let context: BrowserContext;
before(async () => {
  [muster, browser] = await Promise.all([runMuster({}, "embedded"), launchBrowser()]);
  context = await openContext(browser, "light", desk);
});
after(async () => {
  await browser?.close();
  await muster?.stop();
});

test("the whole first run with the keyboard alone; the focus is always there and always seen", async () => {
  const { page, troubles } = await watchedPage(context, muster);
  const keys = await keyboardOf(page);
  await page.goto(muster.claimUrl);
  await keys.fill(page.getByLabel("Your name"), ada.name);
  await keys.fill(page.getByLabel("E-mail"), ada.email);
  await keys.fill(page.getByLabel("Password"), ada.password);
  await keys.press("Enter");
  await page.getByRole("heading", { name: "Dashboard" }).waitFor();

  await keys.enter(page.getByRole("link", { name: "Build a squad" }));
  await keys.enter(page.getByRole("button", { name: /Research desk/ }));
  await page.getByLabel("Name", { exact: true }).waitFor();
  await assertFocused(page, "choosing a template");
  await keys.fill(page.getByLabel("Name", { exact: true }), "Backup readers");
  await keys.enter(page.getByRole("button", { name: "Add a member" }));
  await page.getByRole("menu").waitFor();
  await keys.press("w", "Enter");
  await page.getByRole("button", { name: "Move Writer", exact: true }).waitFor();
  await assertFocused(page, "adding a member");
  await keys.enter(page.getByRole("button", { name: "Create squad" }));
  await page.getByRole("heading", { level: 1, name: "Backup readers" }).waitFor();
  await assertFocused(page, "creating the squad");

  await keys.press("g", "p");
  await keys.enter(page.getByRole("button", { name: "New project" }));
  await keys.fill(page.getByRole("dialog").getByLabel("Name"), "Operations");
  await keys.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Operations" }).waitFor();
  await assertFocused(page, "creating the project");

  await keys.press("c");
  const dialog = page.getByRole("dialog", { name: "New task" });
  await keys.fill(dialog.getByLabel("Title"), "Say how often backups are tested");
  await keys.fill(dialog.getByLabel("What is wanted"), "Backups are tested every two days. List what follows from it.");
  await keys.to(dialog.getByLabel("Squad"));
  await page.keyboard.type("Backup readers");
  await keys.enter(dialog.getByRole("button", { name: "Create and run" }));

  await page.waitForURL("**/executions/*");
  await page.getByRole("heading", { level: 1, name: "Say how often backups are tested" }).waitFor();
  await page.getByText("Completed").and(page.locator("span:not(.sr-only)")).first().waitFor({ timeout: 120_000 });
  await assertFocused(page, "starting the task");
  // A step of the plan shows its messages, and the search field is a key away.
  await keys.enter(page.getByRole("button", { name: /Plan the work/ }));
  await keys.press("/");
  await page.keyboard.type("backup");
  await page.getByText(/\d+ match/).waitFor();
  await keys.press("Escape");
  await keys.to(page.getByRole("tab", { name: "Messages" }));
  await keys.press("ArrowRight");
  await page.getByRole("tab", { name: "Result", selected: true }).waitFor();
  assert.match(await page.getByRole("tabpanel").innerText(), /backup/i);

  await keys.press("Control+k");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.type("usage");
  await page.getByRole("option", { name: /^Usage/, selected: true }).waitFor();
  await keys.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Usage" }).waitFor();
  await page.getByRole("rowheader", { name: "Backup readers" }).waitFor();
  await assertFocused(page, "the palette");
  assert.equal(await keys.pointerUses(), 0);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a task is opened, moved and put back with the keyboard; what was open gives the focus back", async () => {
  const { page, troubles } = await watchedPage(context, muster);
  const keys = await keyboardOf(page);
  await page.goto(`${muster.url}/projects`);
  await keys.enter(page.getByRole("main").getByRole("link", { name: /Operations/ }));
  await page.getByRole("heading", { level: 1, name: "Operations" }).waitFor();
  const card = page.getByRole("button", { name: /Say how often/ });
  await keys.enter(card);
  await page.getByRole("dialog").waitFor();
  await keys.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.locator("button:focus").waitFor();

  const column = (name: string) => page.getByRole("region", { name: new RegExp(`^${name}`) });
  const from = (await column("Completed").getByRole("button").count()) > 0 ? "Completed" : "In progress";
  await keys.press("Space");
  const told = (what: RegExp) => page.getByText(what).first().waitFor({ state: "attached" });
  await told(/Say how often.* is over Completed\./);
  await keys.press("ArrowLeft");
  await told(/Say how often.* is over In progress\./);
  await keys.press("Space");
  const undo = page.getByRole("button", { name: "Undo" });
  await undo.waitFor();
  assert.equal(await column(from).getByRole("button").count(), 0, "the card has left its column");
  await keys.enter(undo);
  await column(from)
    .getByRole("button", { name: /Say how often/ })
    .waitFor();
  assert.equal(await keys.pointerUses(), 0);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("every key of the page of shortcuts leads where it says", async () => {
  const { page, troubles } = await watchedPage(context, muster);
  const keys = await keyboardOf(page);
  await page.goto(`${muster.url}/`);
  await page.getByText("Recent executions").waitFor();
  await keys.press("?");
  await page.getByRole("heading", { level: 1, name: "Keyboard shortcuts" }).waitFor();
  const places: Record<string, string> = {
    s: "Squads",
    p: "Projects",
    e: "Executions",
    c: "Chat",
    u: "Usage",
    f: "Performance",
    ",": "Settings",
    n: "Notifications",
    d: "Dashboard",
  };
  for (const [key, heading] of Object.entries(places)) {
    await keys.press("g", key);
    await page.getByRole("heading", { level: 1, name: heading, exact: true }).waitFor();
  }
  await keys.press("n");
  await page.getByRole("heading", { level: 1, name: "New squad" }).waitFor();
  await page.goto(`${muster.url}/squads`);
  await page.getByRole("heading", { level: 1, name: "Squads" }).waitFor();
  await keys.press("/", "x", "y");
  const search = page.getByRole("searchbox", { name: "Search squads by name" });
  assert.equal(await search.inputValue(), "xy");
  await keys.press("Escape");
  assert.equal(await search.inputValue(), "");
  // The first stop of any page skips what is the same everywhere.
  await page.goto(`${muster.url}/squads`);
  await page.getByRole("heading", { level: 1, name: "Squads" }).waitFor();
  await keys.to(page.getByRole("link", { name: "Skip to the content" }));
  await keys.press("Enter", "Tab");
  assert.ok(await page.evaluate("document.querySelector('main').contains(document.activeElement)"));
  assert.deepEqual(troubles, []);
  await page.close();
});
