import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { desk, phone } from "../e2e/support/people.ts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

// What the server draws into a document is what React puts there: a reader must not see the page change when it is taken over.

const world = sampledMuster();

const paths = () => [
  "/",
  "/squads",
  `/squads/${world.samples.squadId}`,
  "/projects",
  `/projects/${world.samples.projectId}`,
  "/executions",
  `/executions/${world.samples.executionId}`,
  "/usage",
  "/settings",
];

/** Runs in the page: the texts that elements of the content show within the window, each element's own. */
const textsInWindow = `[...document.querySelectorAll("main *:not(textarea)")].flatMap((element) => {
  const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
  const { top, bottom, width } = element.getBoundingClientRect();
  const text = own.map((node) => node.textContent).join("").trim();
  return text !== "" && element.checkVisibility() && width > 0 && top >= 0 && bottom <= window.innerHeight ? [text] : [];
})`;
/** Runs in the page, from its beginning: remembers every waiting shape that was put into the content. */
const watchWaiting = `globalThis.waitingShapes = [];
new MutationObserver(() => {
  for (const shape of document.querySelectorAll("main [role=status][aria-label^=Loading]")) waitingShapes.push(shape.ariaLabel);
}).observe(document, { childList: true, subtree: true })`;
/** Runs in the page, from its beginning: remembers what moved without anyone having done anything. */
const watchShifts = `globalThis.shifts = [];
new PerformanceObserver((list) => {
  for (const { value, sources } of list.getEntries())
    shifts.push({ value, what: sources.map(({ node }) => node?.className || node?.nodeName) });
}).observe({ type: "layout-shift", buffered: true })`;
/** The sum of shifts that nobody sees: a line that is a pixel higher. */
const unseenShift = 0.01;
/** What tells the time goes on. */
const tellsTime = /^(now|in \S+|\S+ ago|\d[\d.]* m?s)$/;

async function shownTexts(page: Page): Promise<string[]> {
  return ((await page.evaluate(textsInWindow)) as string[]).filter((text) => !tellsTime.test(text));
}

// With an empty cache parts come late, with a full one soon: a window for each page, and one for all.
for (const [name, size, cache] of [
  ["desk", desk, "empty"],
  ["phone", phone, "full"],
] as const) {
  test(`the server draws what the browser then shows (${name}, ${cache} cache)`, async () => {
    const plain = await world.browser.newContext({
      storageState: await world.context.storageState(),
      ...size,
      javaScriptEnabled: false,
    });
    const drawn = await plain.newPage();
    const waitingShapes = drawn.locator("main [role=status][aria-label^=Loading]");
    let context = await world.browser.newContext({ storageState: await world.context.storageState(), ...size });
    for (const path of paths()) {
      await drawn.goto(world.muster.url + path);
      // A page is not held up for an answer that takes long; the first of a kind can, beside other tests.
      if ((await waitingShapes.count()) > 0) await drawn.reload();
      assert.equal(await waitingShapes.count(), 0, `${path} waits`);
      const before = await shownTexts(drawn);
      if (cache === "empty") {
        await context.close();
        context = await world.browser.newContext({ storageState: await world.context.storageState(), ...size });
      }
      const page = await context.newPage();
      const problems: string[] = [];
      page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
      page.on("pageerror", (error) => problems.push(error.message));
      await page.addInitScript(watchWaiting);
      await page.addInitScript(watchShifts);
      await page.goto(world.muster.url + path);
      await page.locator("[data-first-view]").waitFor({ state: "detached" });
      assert.deepEqual(await page.evaluate("waitingShapes"), [], `${path} goes back to a waiting shape`);
      const after = await shownTexts(page);
      assert.ok(before.length >= 4, `${path} draws only ${before.join(", ")}`);
      assert.deepEqual(
        before.filter((text) => !after.includes(text)),
        [],
        `${path} drew what is not there any more`,
      );
      await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
      const shifts = (await page.evaluate("shifts")) as { value: number; what: string[] }[];
      const shifted = shifts.reduce((sum, { value }) => sum + value, 0);
      assert.ok(shifted < unseenShift, `${path} moves: ${JSON.stringify(shifts)}`);
      assert.deepEqual(problems, [], path);
      await page.close();
    }
    await context.close();
    await plain.close();
  });
}

test("until the page is alive nothing in it can be pressed, and then it works", async () => {
  const context = await world.browser.newContext({ storageState: await world.context.storageState(), ...desk });
  const page = await context.newPage();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route("**/_next/static/chunks/*.js", async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(`${world.muster.url}/projects/${world.samples.projectId}`, { waitUntil: "commit" });
  await page.getByText("Pending").first().waitFor();
  const button = page.getByRole("button", { name: "New task" }).first();
  await assert.rejects(button.click({ trial: true, timeout: 500 }), /Timeout/);
  release();
  await button.click();
  await page.getByRole("dialog").waitFor();
  await context.close();
});
