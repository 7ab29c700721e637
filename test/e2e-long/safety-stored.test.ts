import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, BrowserContext } from "playwright-core";
import { assertArrived, assertHarmless, drawn, lookAt, readThrough } from "../e2e/support/harm.ts";
import { hostileName, storeHostileExecution } from "../e2e/support/hostile-execution.ts";
import { characterNames, hostilePayloads } from "../e2e/support/hostile-payloads.ts";
import { claim, desk, openContext, type WatchedPage, watchedPage } from "../e2e/support/people.ts";
import { type RunningMuster, runMuster, waitUntil } from "../e2e/support/running-muster.ts";
import { launchBrowser } from "../support/browser.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// Every place of the viewer where words of agents come in, each with all hostile texts.

const payloads = hostilePayloads();
const count = payloads.length;
const folder = temporaryFolder();

let database: TestDatabase;
let muster: RunningMuster;
let browser: Browser;
let context: BrowserContext;
let address = "";
before(async () => {
  database = await createTestDatabase();
  const dataDir = `${folder.path}/data`;
  [muster, browser] = await Promise.all([
    runMuster({ DATABASE_URL: database.url, MUSTER_DATA_DIR: dataDir }),
    launchBrowser(),
  ]);
  context = await openContext(browser, "light", desk);
  const call = await claim(context, muster);
  const id = await storeHostileExecution(database.db, call, `${dataDir}/workspaces`, payloads);
  address = `${muster.url}/executions/${id}`;
});
after(async () => {
  await browser?.close();
  await muster?.stop();
  await database?.drop();
  await folder.remove();
});

async function open(part = ""): Promise<WatchedPage> {
  const watched = await watchedPage(context, muster);
  await watched.page.goto(address + part);
  return watched;
}

test("the watcher tells of an image and of a script that are put in by hand", async () => {
  const { page, troubles } = await open();
  await page.locator("article").first().waitFor();
  assert.deepEqual(troubles, []);
  await page.locator("#execution-part").evaluate((part) => {
    part.insertAdjacentHTML(
      "beforeend",
      '<img src="https://evil.example/pixel.png" onerror="globalThis.muster_was_here=1"><p class="prose"><a href="javascript:1">x</a></p>',
    );
  });
  await waitUntil(
    10_000,
    () => `Only ${JSON.stringify(troubles)}`,
    async () => troubles.some((trouble) => /evil\.example/.test(trouble)),
  );
  const seen = await lookAt(page.locator("#execution-part"));
  assert.equal(seen.elements.length, 1);
  assert.deepEqual(seen.handlers, ["onerror"]);
  assert.throws(() => assertHarmless({ ...seen, elements: [], handlers: [] }, "the link"));
  assert.throws(() => assertArrived("arrived-1.", 2, "the first"));
  await page.close();
});

test("messages, structured answers and tool calls", async () => {
  const { page, troubles } = await open();
  const list = page.getByRole("log");
  await page.locator("article").first().waitFor();
  const { text, links } = await readThrough(page, list, "messages");
  assertArrived(text, count, "messages");
  assert.ok(links > 0, "no link was looked at");
  assert.match(text, /Sent back/, "no review was drawn");
  assert.doesNotMatch(text, /"verdicts":\[|"steps":\[/, "structured answers are shown as JSON");

  await list.evaluate((log) => log.scrollTo(0, log.scrollHeight));
  const tool = page.locator("details", { hasText: "write_file" }).last();
  await tool.locator("summary").click();
  await tool.getByRole("button", { name: "Show all of it" }).click();
  await tool.getByRole("button", { name: "Show all of it" }).waitFor({ state: "detached" });
  for (const [index, what] of ["arguments", "result"].entries())
    assertArrived(await tool.locator("pre").nth(index).innerText(), count, `${what} of a tool call`);
  assertHarmless(await lookAt(list), "tool call");

  for (const search of ["<img", "javascript:", "arrived-"]) {
    await page.getByLabel("Search the messages").fill(search);
    await page.getByText(/^\d+ matches$/).waitFor();
    await list.locator("mark").first().waitFor();
    const found = await readThrough(page, list, `search for ${search}`);
    if (search === "arrived-") assertArrived(found.text, count, "search");
  }
  assert.deepEqual(troubles, []);
  await page.close();
});

test("titles of the task and of steps, the task's text and the result", async () => {
  const { page, troubles } = await open("?tab=result");
  await page.getByText("The task", { exact: true }).click();
  await page.locator("#execution-part .prose").waitFor();
  await page.evaluate(drawn);
  const result = await lookAt(page.locator("#execution-part .prose"));
  assertArrived(result.text, count, "result");
  assert.ok(result.text.includes(characterNames.shown), "names of characters are read otherwise");
  assertArrived((await lookAt(page.locator("#execution-part details"))).text, count, "the task's text");
  assert.ok(assertHarmless(await lookAt(page.locator("#execution-part")), "result") > 0, "no link was looked at");
  const main = await lookAt(page.locator("main"));
  assertHarmless(main, "page");
  assertArrived(await page.locator("main h1").innerText(), count, "title");
  assertArrived((await page.locator("main ol li").allTextContents()).join(" "), count, "titles of steps");
  // Next's own title for the page may come after it, for a moment.
  await waitUntil(
    10_000,
    () => "The window has not the task's title",
    async () => (await page.title()).length > 200,
  );
  assertArrived(await page.title(), count, "title of the window");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("files as Markdown, with colours, and as changes", async () => {
  const { page, troubles } = await open("?tab=files");
  const part = page.locator("#execution-part");
  const files = page.getByRole("list", { name: "Files" }).getByRole("button");
  await files.first().waitFor();
  for (const name of ["hostile.md", "hostile.html", "hostile.xml", "hostile.ts", hostileName]) {
    await files.filter({ hasText: name }).last().click();
    await part.locator(".prose").waitFor();
    if (/\.(html|xml|ts)$/.test(name)) await part.locator(".prose [class^=hljs]").first().waitFor();
    await page.evaluate(drawn);
    const seen = await lookAt(part);
    assertArrived(seen.text, count, name);
    const links = assertHarmless(seen, name);
    if (name.endsWith(".md")) assert.ok(links > 0, `${name}: no link was looked at`);
  }
  await files.filter({ hasText: "hostile.svg" }).click();
  await part.getByText("No preview for this kind of file").waitFor();
  assertHarmless(await lookAt(part), "a picture");
  await files.filter({ hasText: "hostile.ts" }).click();
  await page.getByRole("button", { name: "Changes" }).click();
  await part.getByRole("table").waitFor();
  const changes = await lookAt(part);
  assertHarmless(changes, "changes");
  assertArrived(changes.text, count, "changes");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("what the server draws into the document, with and without scripts", async () => {
  const quiet = await browser.newContext({
    ...desk,
    javaScriptEnabled: false,
    storageState: await context.storageState(),
  });
  const page = await quiet.newPage();
  const elsewhere: string[] = [];
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== muster.url) elsewhere.push(request.url());
  });
  await page.goto(address);
  const first = await lookAt(page.locator("[data-first-view]"));
  assert.ok(first.text.includes("arrived-0."), "the server drew nothing");
  assertArrived(first.text, count, "first view");
  assert.ok(first.text.includes(characterNames.shown), "names of characters are drawn otherwise by the server");
  assertHarmless(first, "first view");
  const all = await lookAt(page.locator("html"));
  assert.deepEqual(all.handlers, [], "whole document");
  const foreign = all.elements.filter((html) => /evil\.example|muster_was_here/.test(html) && !/^<script/.test(html));
  assert.deepEqual(foreign, []);
  const scripts = await page
    .locator("script")
    .evaluateAll((found) => found.map((script) => script.getAttribute("src") ?? script.textContent ?? ""));
  assert.deepEqual(
    scripts.filter((script) => /^(globalThis|\/\/evil|https:\/\/evil)/.test(script)),
    [],
  );
  assert.deepEqual(elsewhere, []);
  await quiet.close();
});
