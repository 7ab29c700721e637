import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launchBrowser } from "../support/browser.ts";
import { ada, desk, openContext, watchedPage } from "./support/people.ts";
import { type RunningMuster, runMuster } from "./support/running-muster.ts";

let muster: RunningMuster;
let browser: Browser;
before(async () => {
  [muster, browser] = await Promise.all([runMuster({}, "embedded"), launchBrowser()]);
});
after(async () => {
  await browser?.close();
  await muster?.stop();
});

const report = Array.from(
  { length: 12 },
  (_, line) => `The ${line + 1}th rule says that a backup is tested every ${line + 2} days.`,
).join("\n\n");

test("from the claim link to a result and its bill, by hand", async () => {
  const context = await openContext(browser, "light", desk);
  const { page, troubles } = await watchedPage(context, muster);

  await page.goto(`${muster.url}/`);
  await page.waitForURL("**/sign-in");
  await page.getByText("Nobody has claimed this installation yet").waitFor();
  // Being asked for a session is no trouble, it is how one gets here.
  assert.deepEqual(
    troubles.splice(0).filter((trouble) => !trouble.includes("401")),
    [],
  );

  await page.goto(muster.claimUrl);
  await page.getByLabel("Your name").fill(ada.name);
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByLabel("Password").fill(ada.password);
  await page.getByRole("button", { name: "Become the owner" }).click();
  await page.getByRole("heading", { name: "Dashboard" }).waitFor();
  await page.getByText("Three steps to the first result").waitFor();

  await page.getByRole("link", { name: "Build a squad" }).click();
  await page.getByRole("button", { name: /Research desk/ }).click();
  await page.getByLabel("Name", { exact: true }).fill("Backup readers");
  await page.getByLabel("Budget per month, in US dollars").fill("5");
  await page.getByRole("button", { name: "Add a member" }).click();
  await page.getByRole("menuitem", { name: "Writer" }).click();
  await page.getByRole("button", { name: "Move Writer", exact: true }).waitFor();
  await page.reload();
  await page.getByText("Your unsaved changes were kept on this device.").waitFor();
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "Backup readers");
  await page.getByRole("button", { name: "Create squad" }).click();
  await page.getByRole("heading", { level: 1, name: "Backup readers" }).waitFor();

  await page.getByRole("link", { name: "Projects" }).first().click();
  await page.getByRole("button", { name: "New project" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("Operations");
  await page.getByRole("button", { name: "Create project" }).click();
  await page.getByRole("heading", { level: 1, name: "Operations" }).waitFor();

  await page.keyboard.press("c");
  const dialog = page.getByRole("dialog", { name: "New task" });
  await dialog.getByLabel("Title").fill("Say how often backups are tested");
  await dialog.getByLabel("What is wanted").fill("Read rules.md and list how often each backup is tested.");
  await dialog.getByLabel("Squad").selectOption({ label: "Backup readers" });
  await dialog
    .locator('input[type="file"]')
    .setInputFiles({ name: "rules.md", mimeType: "text/markdown", buffer: Buffer.from(report) });
  await dialog.getByText("rules.md").waitFor();
  await dialog.getByRole("button", { name: "Create and run" }).click();

  await page.waitForURL("**/executions/*");
  await page.getByRole("heading", { level: 1, name: "Say how often backups are tested" }).waitFor();
  await page.getByText("Completed").and(page.locator("span:not(.sr-only)")).first().waitFor({ timeout: 120_000 });
  await page.getByRole("button", { name: /Plan the work/ }).waitFor();
  await page.getByRole("tab", { name: "Result" }).click();
  const result = await page.getByRole("tabpanel").innerText();
  assert.match(result, /rules\.md/);
  assert.match(result, /offline model|rule-based|by rules/i);
  await page.getByRole("tab", { name: /Files/ }).click();
  await page.getByRole("link", { name: "Download" }).waitFor();
  await page.getByRole("tab", { name: /Calls/ }).click();
  await page.getByRole("columnheader", { name: "Member", exact: true }).waitFor();
  assert.ok((await page.getByRole("row").count()) > 3);

  await page.getByRole("link", { name: "Usage" }).click();
  await page.getByRole("rowheader", { name: "Backup readers" }).waitFor();
  await page.getByRole("link", { name: "Dashboard" }).first().click();
  await page.getByText("Recent executions").waitFor();
  assert.deepEqual(troubles, []);
  await context.close();
});
