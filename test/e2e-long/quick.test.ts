import assert from "node:assert/strict";
import { test } from "node:test";
import { desk, watchedPage } from "../e2e/support/people.ts";
import { waitUntil } from "../e2e/support/running-muster.ts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

// What makes it quick: data before the script, data before the click, and the way from the plan to what it cost.

const world = sampledMuster();

test("a page has its first data with its document; a link that is pointed at or has the focus fetches what is behind it", async () => {
  const { page, troubles } = await world.open();
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  const document = await page.goto(`${world.muster.url}/squads`);
  const card = page.locator(`main a[href="/squads/${world.samples.squadId}"]`);
  await card.waitFor();
  const html = (await document?.text()) ?? "";
  assert.ok(html.includes(`href="/squads/${world.samples.squadId}"`), "the document has the first squads in it");
  // The one time it is asked for is when the line of changes opens: what changed since the document is not missed.
  assert.ok(
    asked.filter((path) => path === "/api/v1/squads").length <= 1,
    "the list is not asked for again to draw it",
  );
  const detail = `/api/v1/squads/${world.samples.squadId}`;
  const times = () => asked.filter((path) => path === detail).length;
  assert.equal(times(), 0);
  await card.hover();
  await waitUntil(
    5000,
    () => "Hovering fetches nothing",
    async () => times() === 1,
  );
  await card.click();
  await page.getByText("All changes are saved").waitFor();
  assert.equal(times(), 1, "the click finds what the pointer fetched");
  await page.goto(`${world.muster.url}/projects`);
  await page.locator(`main a[href="/projects/${world.samples.projectId}"]`).focus();
  await waitUntil(
    5000,
    () => "The focus fetches nothing",
    async () => asked.includes(`/api/v1/projects/${world.samples.projectId}`),
  );
  assert.deepEqual(troubles, []);
  await page.close();
});

test("the builder's and the viewer's scripts come when their link is pointed at or has the focus, or when nothing else is to do", async () => {
  const { page, troubles } = await world.open();
  const scripts: { path: string; text: Promise<string> }[] = [];
  let underWay = 0;
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (!pathname.endsWith(".js")) return;
    underWay += 1;
    const text = request.response().then((response) => response?.text() ?? "");
    scripts.push({ path: pathname, text: text.catch(() => "").finally(() => (underWay -= 1)) });
  });
  // Words that stand in these parts alone.
  const builder = "Your unsaved changes were kept on this device";
  const viewer = "It ended before there was a plan";
  const came = async (words: string) =>
    (await Promise.all(scripts.map(({ text }) => text))).some((text) => text.includes(words));
  const settled = () =>
    waitUntil(
      10_000,
      () => "Scripts go on coming",
      async () => underWay === 0,
    );
  const open = async (path: string) => {
    scripts.splice(0);
    // It is opened by a part that comes after all that the page shows first.
    const following = page.waitForResponse("**/api/v1/changes");
    await page.goto(world.muster.url + path);
    await following;
    await settled();
  };

  await open("/");
  assert.ok(scripts.length > 0);
  assert.ok(!(await came(builder)) && !(await came(viewer)), "the dashboard loads neither");
  await page.locator(`main a[href="/squads/${world.samples.squadId}"]`).first().hover();
  await waitUntil(
    10_000,
    () => "Hovering does not fetch the builder",
    () => came(builder),
  );
  const execution = page.locator(`main a[href="/executions/${world.samples.executionId}"]`).first();
  await execution.focus();
  await waitUntil(
    10_000,
    () => "The focus does not fetch the viewer",
    () => came(viewer),
  );
  await settled();
  scripts.splice(0);
  await execution.click();
  await page.locator("article").first().waitFor();
  assert.ok(!(await came(viewer)), "the click finds what the focus fetched");

  await open("/squads/new");
  await waitUntil(
    10_000,
    () => "The builder is not fetched while a template is chosen",
    () => came(builder),
  );
  await settled();
  scripts.splice(0);
  await page.getByRole("button", { name: /Research desk/ }).click();
  await page.getByRole("button", { name: "Create squad" }).waitFor();
  assert.deepEqual(
    scripts.map(({ path }) => path),
    [],
    "choosing a template fetches nothing more",
  );
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a step of the plan leads to its messages and to its calls with tokens, cache, wait and latency", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/executions/${world.samples.executionId}`);
  await page.locator("article").first().waitFor();
  const step = page.getByRole("button", { name: /Write the result/ });
  await step.click();
  const log = page.getByRole("log");
  await waitUntil(
    5000,
    () => "Other steps' messages stay",
    async () => {
      const labels = await log.locator("article").evaluateAll((all) => all.map((each) => each.ariaLabel ?? ""));
      return labels.length > 0 && labels.every((label) => label.includes("Write the result"));
    },
  );
  await page.getByRole("tab", { name: /Calls/ }).click();
  await page.getByText("Calls of “Write the result”").waitFor();
  const rows = page.getByRole("row").filter({ hasText: "Write the result" });
  await waitUntil(
    5000,
    () => "Calls of other steps stay",
    async () => (await page.getByRole("row").count()) === (await rows.count()) + 1 && (await rows.count()) > 0,
  );
  const text = await rows.first().innerText();
  assert.match(text, /\d+ \/ \d+/, "tokens in and out");
  assert.match(text, /Not cached|Hit|Miss|Shared/);
  assert.match(text, /\d+ ms|\d+\.\d s/, "latency");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("what visits measure is sent and stands on the performance page by page; the palette goes anywhere", async () => {
  const { page, troubles } = await world.open();
  const sent = page.waitForRequest("**/api/v1/vitals");
  await page.goto(`${world.muster.url}/squads`);
  await page.locator("main li").first().waitFor();
  await page.keyboard.press("Control+k");
  await page.getByPlaceholder("Go to a page").waitFor();
  await page.keyboard.type("usage");
  await page.getByRole("option", { name: "Usage", selected: true }).waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/usage");
  await sent;
  // A press that takes long counts for the page on which it happened, not for the one that was loaded.
  await page.locator("h1:text-is('Usage')").evaluate((heading: EventTarget) => {
    heading.addEventListener("click", () => {
      for (const end = performance.now() + 700; performance.now() < end; );
    });
  });
  await page.locator("h1:text-is('Usage')").click();
  // What a press took is known when its answer has been painted: nobody leaves before the browser has told it.
  await page.evaluate(`new Promise((told) => {
    const slow = (entries) => entries.getEntries().some(({ duration }) => duration > 600) && told();
    new PerformanceObserver(slow).observe({ type: "event", durationThreshold: 104, buffered: true });
  })`);
  await page.goto(`${world.muster.url}/performance`);
  const vitals = page.getByRole("region", { name: "Web vitals" });
  await waitUntil(
    15_000,
    () => "The pages that were visited are not listed",
    async () => {
      await page.getByRole("button", { name: "Measure again" }).click();
      return (await vitals.getByRole("rowheader", { name: /^\/(squads|usage)$/ }).count()) === 2;
    },
  );
  const inpOf = async (path: string) => {
    const row = vitals.getByRole("row").filter({ has: page.getByRole("rowheader", { name: path, exact: true }) });
    return (await row.getByRole("cell").nth(3).innerText()).trim();
  };
  assert.match(await inpOf("/usage"), /^(7|8|9)\d\d ms$|^1\.\d s$/);
  assert.doesNotMatch(await inpOf("/squads"), /^(7|8|9)\d\d ms$|^1\.\d s$/);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a near line has its font with the document, a far one from the second visit on", async () => {
  const fonts = `[...document.fonts].filter(({ status }) => status === "loaded").map(({ family }) => family)`;
  const near = await world.open();
  await near.page.goto(`${world.muster.url}/squads`);
  await waitUntil(
    5000,
    () => "No font came",
    async () => (await near.page.evaluate<string[]>(fonts)).includes("inter"),
  );
  await near.page.close();

  const far = await world.browser.newContext({
    ...desk,
    storageState: { ...(await world.context.storageState()), origins: [] },
  });
  const { page, troubles } = await watchedPage(far, world.muster);
  const line = await far.newCDPSession(page);
  await line.send("Network.enable");
  await line.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: 600,
    downloadThroughput: 200_000,
    uploadThroughput: 100_000,
  });
  const asked: string[] = [];
  page.on("request", (request) => request.resourceType() === "font" && asked.push(request.url()));
  await page.goto(`${world.muster.url}/squads`);
  await waitUntil(
    30_000,
    () => "The fonts are not kept for the next visit",
    async () => page.evaluate<boolean>(`localStorage.getItem("muster-fonts") !== null`),
  );
  assert.deepEqual([await page.evaluate(fonts), asked], [[], []], "on the first visit nothing waits for a font");
  await page.goto(`${world.muster.url}/usage`);
  await waitUntil(
    5000,
    () => "The kept font is not used",
    async () => (await page.evaluate<string[]>(fonts)).includes("inter"),
  );
  assert.deepEqual(troubles, []);
  await far.close();
});
