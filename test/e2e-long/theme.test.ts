import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

// The appearance that is chosen on a device, whatever its system prefers: here that is light.

const world = sampledMuster();
const themeOf = (page: Page) => page.evaluate<string>("document.documentElement.dataset.theme");
const inTheme = (page: Page, theme: string) => page.locator(`html[data-theme=${theme}]`).waitFor({ state: "attached" });

/** Loads the page again and returns the theme that stood when its body began: before anything could be painted. */
async function themeAtBody(page: Page): Promise<string> {
  await page.addInitScript(`
    new MutationObserver((_, observer) => {
      if (!document.body) return;
      globalThis.themeAtBody = document.documentElement.dataset.theme;
      observer.disconnect();
    }).observe(document, { childList: true, subtree: true });
  `);
  await page.reload();
  await page.locator("[data-first-view]").waitFor({ state: "detached" });
  return page.evaluate<string>("globalThis.themeAtBody");
}

test("dark is chosen in the settings, holds before the first paint of every later visit, and is taken back", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/settings?part=appearance`);
  assert.equal(await themeOf(page), "light");
  await page.getByText("Dark", { exact: true }).click();
  await inTheme(page, "dark");
  assert.equal(await themeAtBody(page), "dark");
  assert.equal(await page.getByRole("radio", { name: "Dark" }).isChecked(), true);
  await page.emulateMedia({ colorScheme: "light" });
  assert.equal(await themeOf(page), "dark", "what is chosen outweighs the system");
  await page.getByText("As the system", { exact: true }).click();
  await inTheme(page, "light");
  assert.equal(await themeAtBody(page), "light");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("the account's menu and the palette choose it as well, and it is the same choice", async () => {
  const { page, troubles } = await world.open();
  await page.goto(world.muster.url);
  await page.getByRole("button", { name: /Ada Lindqvist/ }).click();
  await page
    .getByRole("menuitemradio", { name: "Dark" })
    .or(page.getByRole("menuitem", { name: "Dark" }))
    .click();
  await inTheme(page, "dark");
  assert.equal(await themeAtBody(page), "dark");
  await page.keyboard.press("Control+k");
  await page.getByPlaceholder("Go to a page").fill("light");
  await page.getByRole("option", { name: /light/i, selected: true }).waitFor();
  await page.keyboard.press("Enter");
  await inTheme(page, "light");
  await page.goto(`${world.muster.url}/settings?part=appearance`);
  assert.equal(await page.getByRole("radio", { name: "Light" }).isChecked(), true);
  assert.deepEqual(troubles, []);
  await page.close();
});
