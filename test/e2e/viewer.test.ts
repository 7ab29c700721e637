import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { BrowserContext, Page } from "playwright-core";
import { type LiveMessages, openLiveMessages } from "../../bench/web/live-messages.ts";
import { startWaitingExecution } from "../../bench/web/seed-pages.ts";
import { launchBrowser } from "../support/browser.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertBilledCalls } from "../support/executions.ts";
import {
  frames,
  idOf,
  isInView,
  newestNumber,
  place,
  shownNumbers,
  showsNewest,
  watchForFlicker,
  watchOlder,
} from "./support/message-view.ts";
import { type PacedProvider, startPacedProvider } from "./support/paced-provider.ts";
import { claim, desk, openContext, watchedPage } from "./support/people.ts";
import { type RunningMuster, runMuster, waitUntil } from "./support/running-muster.ts";

// A conversation of 10,000 messages in a running execution; a test may let it grow by 50 a second.

const history = 10_000;

let database: TestDatabase;
let muster: RunningMuster;
let provider: PacedProvider;
let browser: Awaited<ReturnType<typeof launchBrowser>>;
let context: BrowserContext;
let live: LiveMessages;
let address = "";
let cancel: (() => Promise<unknown>) | undefined;
before(async () => {
  database = await createTestDatabase();
  [muster, browser, provider] = await Promise.all([
    runMuster({ DATABASE_URL: database.url }),
    launchBrowser(),
    startPacedProvider({ latencyMs: 3_600_000, wordsPerSecond: 60 }),
  ]);
  context = await openContext(browser, "light", desk);
  const call = await claim(context, muster);
  const executionId = await startWaitingExecution(call, provider);
  // Its one call waits for an answer that never comes.
  cancel = () => call("POST", `/executions/${executionId}/cancel`);
  address = `${muster.url}/executions/${executionId}`;
  await waitUntil(
    30_000,
    () => "The execution does not run",
    async () => {
      const { rows } = await database.db.pool.query("SELECT status FROM task_executions WHERE id = $1", [executionId]);
      return rows[0]?.status === "running";
    },
  );
  live = await openLiveMessages(database.url, executionId, history);
  // One word and one step, near the beginning and near the end. Before anything is read: no answer is kept that does not know it.
  const { rowCount } = await database.db.pool.query(
    `UPDATE agent_messages SET content = content || ' Lighthouse.', step_id = (SELECT id FROM execution_steps WHERE execution_id = $1 LIMIT 1)
     WHERE task_execution_id = $1 AND (content LIKE 'Message 10:%' OR content LIKE 'Message 9990:%')`,
    [executionId],
  );
  assert.equal(rowCount, 2);
  const { rows } = await database.db.pool.query("SELECT id FROM execution_steps WHERE execution_id = $1 LIMIT 1", [
    executionId,
  ]);
  // More than the API gives of them at once.
  await insertBilledCalls(database.db, { executionId, stepId: String(rows[0]?.id) }, 450, 1_000_000);
});
after(async () => {
  await live?.close();
  await cancel?.();
  await browser?.close();
  await provider?.close();
  await muster?.stop();
  await database?.drop();
});

async function open(): Promise<{ page: Page; troubles: string[] }> {
  const watched = await watchedPage(context, muster);
  await watched.page.goto(address);
  await watched.page.getByText("Live", { exact: true }).first().waitFor();
  await watched.page.locator("article").nth(2).waitFor();
  return watched;
}

test("follows what is said, lets go when scrolled up, and follows again from End", async () => {
  const { page, troubles } = await open();
  live.start(50);
  let said = 0;
  try {
    await showsNewest(page, history + 40);
    const log = page.getByRole("log");
    await log.hover();
    await page.mouse.wheel(0, -900);
    await page.getByRole("button", { name: "Newest" }).waitFor();
    // The wheel glides for a moment: at rest is what stays for ten frames.
    await page.evaluate(`new Promise((resolve) => {
      const log = document.querySelector("[role=log]");
      let last = -1, still = 0;
      const look = () => {
        still = log.scrollTop === last ? still + 1 : 0;
        last = log.scrollTop;
        still >= 10 ? resolve() : requestAnimationFrame(look);
      };
      look();
    })`);
    const rested = await place(page);
    const { rows } = await database.db.pool.query("SELECT count(*)::int AS count FROM agent_messages");
    await waitUntil(
      10_000,
      () => "No more is said",
      async () => {
        const now = await database.db.pool.query("SELECT count(*)::int AS count FROM agent_messages");
        return now.rows[0].count > rows[0].count + 60;
      },
    );
    const later = await place(page);
    assert.equal(later.top, rested.top, "what is read moves");
    assert.equal(later.newest, rested.newest, "another message came into view");
    await page.keyboard.press("End");
    await page.getByRole("button", { name: "Newest" }).waitFor({ state: "detached" });
  } finally {
    said = await live.stop();
  }
  await showsNewest(page, history + said - 1);
  await page.keyboard.press("Home");
  await page.getByRole("button", { name: "Newest" }).waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});

test("while somebody scrolls, what turns stands still and nothing is pointed at; at rest both are back", async () => {
  const { page, troubles } = await open();
  await page.locator("main .animate-spin").first().waitFor();
  await page.getByRole("log").hover();
  // Noted at every frame: how long it lasts is the machine's affair.
  await page.evaluate(`(() => {
    globalThis.states = [];
    const look = () => {
      const spinner = document.querySelector("main .animate-spin");
      const row = document.querySelector("[role=log]").firstElementChild;
      const state = getComputedStyle(spinner).animationPlayState + " " + getComputedStyle(row).pointerEvents;
      if (globalThis.states.at(-1) !== state) globalThis.states.push(state);
      requestAnimationFrame(look);
    };
    look();
  })()`);
  await page.mouse.wheel(0, -300);
  const states = () => page.evaluate<string[]>("globalThis.states");
  await waitUntil(
    10_000,
    () => "Scrolling changed nothing, or did not end",
    async () => (await states()).length >= 3,
  );
  assert.deepEqual((await states()).slice(0, 3), ["running auto", "paused none", "running auto"]);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("searches beyond what is loaded; a link to an old message opens at it", async () => {
  const { page, troubles } = await open();
  await page.keyboard.press("/");
  // Some three pages of messages above the newest.
  await page.keyboard.type("Message 9700:");
  const found = page.locator("article", { hasText: "Message 9700:" });
  await found.waitFor();
  await page.getByText(/^1 match/).waitFor();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await found.hover();
  await found.getByRole("button", { name: "Copy a link to this message" }).click();
  const link: string = await page.evaluate("navigator.clipboard.readText()");
  assert.match(link, /#message-[0-9a-f-]{36}$/);
  await page.close();

  const other = await watchedPage(context, muster);
  await other.page.goto(link);
  await isInView(other.page, 9700);
  assert.deepEqual([...troubles, ...other.troubles], []);
  await other.page.close();
});

test("a link far back opens with the messages around it alone, and leads on to both sides and to the newest", async () => {
  const { page, troubles } = await watchedPage(context, muster);
  const requests: string[] = [];
  page.on("request", (request) => {
    if (/\/messages\?/.test(request.url())) requests.push(request.url());
  });
  await page.goto(`${address}#message-${await idOf(database, 5000)}`);
  await isInView(page, 5000);
  await page.evaluate(frames(30));
  const around = requests.filter((url) => url.includes("from="));
  assert.equal(around.length, 2);
  assert.equal(requests.filter((url) => url.includes("cursor=")).length, 0, "nothing else is loaded until it is read");
  const log = page.locator("[role=log]");
  await log.hover();

  // Downwards and upwards, each beyond what came with the message itself.
  for (const [wheel, until] of [
    [2_500, 5090],
    [-2_500, 4900],
  ] as const) {
    await waitUntil(
      30_000,
      () => `Message ${until} was not reached`,
      async () => {
        await page.mouse.wheel(0, wheel);
        await page.evaluate(frames(5));
        const numbers = await shownNumbers(page);
        numbers.forEach((number, at) => {
          if (at > 0) assert.equal(number, (numbers[at - 1] ?? 0) + 1, "a message is missing or stands twice");
        });
        return wheel > 0 ? Math.max(...numbers) >= until : Math.min(...numbers) <= until;
      },
    );
  }
  const read = requests.filter((url) => url.includes("cursor=")).length;
  assert.ok(read >= 2 && read < 10, `${read} further pages were loaded`);

  await page.getByRole("button", { name: "Newest" }).click();
  await showsNewest(page, await newestNumber(database));
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a passage becomes part of the list where it meets the newest messages, and nothing moves", async () => {
  const { page, troubles } = await watchedPage(context, muster);
  await page.goto(`${address}#message-${await idOf(database, 9800)}`);
  await isInView(page, 9800);
  const log = page.locator("[role=log]");
  const top = () =>
    page.locator("article", { hasText: "Message 9800:" }).evaluate((row) => row.getBoundingClientRect().top);
  await page.evaluate(frames(30));
  const before = await top();
  // By the keyboard's click alone, without a scroll event.
  await page
    .getByRole("button", { name: "Newer messages below" })
    .evaluate((button) => (button as unknown as { click(): void }).click());
  await page.getByRole("button", { name: "Newer messages below" }).waitFor({ state: "detached" });
  // There would be a button again if the two had not met.
  await page.getByLabel("Loading newer messages").waitFor({ state: "detached" });
  await page.evaluate(frames(30));
  assert.equal(await page.getByRole("button", { name: "Newer messages below" }).count(), 0);
  assert.ok(Math.abs((await top()) - before) < 2, "the message of the link moved");
  await log.hover();
  await page.keyboard.press("End");
  await showsNewest(page, await newestNumber(database));
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a search or a step with a few matches among 10,000 messages asks the server once", async () => {
  const { page, troubles } = await open();
  const asked = await watchOlder(page);
  const field = page.getByLabel("Search the messages");
  await field.fill("lighthouse");
  await page.getByText("2 matches", { exact: true }).waitFor();
  for (const number of [10, 9990]) await page.locator("article", { hasText: `Message ${number}:` }).waitFor();
  assert.equal(asked.count, 1);
  await field.fill("lighthouse on the moon");
  await page.getByText("No message says that").waitFor();
  await page.getByText("0 matches", { exact: true }).waitFor();
  assert.equal(asked.count, 2);
  await page.close();

  const other = await open();
  const askedByStep = await watchOlder(other.page);
  await other.page.locator("ol button[aria-pressed]").first().click();
  for (const number of [10, 9990]) await other.page.locator("article", { hasText: `Message ${number}:` }).waitFor();
  assert.equal(askedByStep.count, 1);
  assert.deepEqual([...troubles, ...other.troubles], []);
  await other.page.close();
});

test("the plan shows what all calls of a step cost", async () => {
  const { page, troubles } = await open();
  await page.getByRole("listitem").getByText("$0.45", { exact: true }).waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});

test("older messages that cannot be loaded are asked for once, and again when one presses the button", async () => {
  const { page, troubles } = await open();
  const older = await watchOlder(page);
  older.failing = true;
  const retry = page.getByRole("button", { name: /try again/i });
  for (const search of ["lighthouse", "Message 9700:"]) {
    // The first has one match here already, the second none.
    await page.getByLabel("Search the messages").fill(search);
    await retry.waitFor();
    await page.evaluate(frames(30));
    assert.equal(older.count, 1, `${search}: asked again without being told to`);
    if (search === "lighthouse") {
      await retry.click();
      await retry.waitFor();
      await page.evaluate(frames(30));
      assert.equal(older.count, 2, "one press, one request");
      older.count = 0;
    }
  }

  older.failing = false;
  await retry.click();
  await page.locator("article", { hasText: "Message 9700:" }).waitFor();
  assert.deepEqual(
    troubles.filter((trouble) => !/status of 500/.test(trouble)),
    [],
  );
  await page.close();
});

test("the line above the first message is a button that loads older ones", async () => {
  const { page, troubles } = await open();
  const older = await watchOlder(page);
  // Without a scroll event: by the keyboard's click alone.
  await page
    .getByRole("button", { name: "Older messages above" })
    .evaluate((button) => (button as unknown as { click(): void }).click());
  await waitUntil(
    10_000,
    () => "No older messages are asked for",
    async () => older.count === 1,
  );
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a link to a message that is not there says so, and nothing is loaded to find that out", async () => {
  const near = (await idOf(database, 5000)).replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
  for (const id of [near, "00000000-0000-7000-8000-000000000000", "nonsense"]) {
    const { page, troubles } = await watchedPage(context, muster);
    const older = await watchOlder(page);
    await page.goto(`${address}#message-${id}`);
    await page.getByText("The message of this link is not here").waitFor();
    await page.locator("article").nth(2).waitFor();
    await page.evaluate(frames(30));
    assert.equal(older.count, 0, id);
    assert.deepEqual(troubles, []);
    await page.close();
  }
});

test("a dropped stream resumes without a flicker and without a gap; two tabs agree", async () => {
  const [one, other] = [await open(), await open()];
  await one.page.bringToFront();
  await watchForFlicker(one.page);
  live.start(50);
  let said = 0;
  try {
    await waitUntil(
      10_000,
      () => "No frame is drawn",
      () => one.page.evaluate("globalThis.frames > 30"),
    );
    await muster.kill();
    await one.page.getByText("Reconnecting").waitFor();
    // The last words on the page stay while the line is down.
    await muster.start();
    await one.page.getByText("Live", { exact: true }).first().waitFor({ timeout: 120_000 });
  } finally {
    said = await live.stop();
  }
  assert.ok(said > 50, "something was said meanwhile");
  const newest = await newestNumber(database);
  await showsNewest(one.page, newest);
  assert.deepEqual(await one.page.evaluate("[...new Set(globalThis.flickers)]"), []);
  assert.ok(Number(await one.page.evaluate("globalThis.rowsSeen")) > 1, "no row was watched");
  await other.page.bringToFront();
  await showsNewest(other.page, newest);
  const texts = (page: Page) => page.locator("article").allInnerTexts();
  const withoutTimes = (all: string[]) => all.slice(-4).map((text) => text.replace(/\b(now|\d+m ago)\b/g, ""));
  const last = async (page: Page) => withoutTimes(await texts(page));
  // What happens meanwhile (the call of the step is made again) may reach one a moment before the other.
  await waitUntil(
    10_000,
    () => "The two tabs do not agree",
    async () => isDeepStrictEqual(await last(one.page), await last(other.page)),
  );
  const frame = async (page: Page) => ({
    plan: await page.locator("main ol li:has(> button[aria-pressed])").allTextContents(),
    // All but the time, which ticks.
    totals: (await page.locator("main dl > div").allTextContents()).filter((total) => !total.startsWith("Time")),
  });
  const [mine, theirs] = [await frame(one.page), await frame(other.page)];
  assert.ok(mine.plan.length > 0 && mine.totals.length > 5, JSON.stringify(mine));
  const still = (rows: string[]) => rows.map((row) => row.replace(/\d+h \d+m|\d+m \d+s|[\d.]+ m?s/, ""));
  assert.deepEqual({ ...mine, plan: still(mine.plan) }, { ...theirs, plan: still(theirs.plan) });
  const numbers = (await texts(one.page))
    .map((text) => Number(/Message (\d+):/.exec(text)?.[1]))
    .filter((number) => number >= 0);
  numbers.forEach((number, index) => {
    if (index > 0) assert.equal(number, (numbers[index - 1] ?? 0) + 1, "a message is missing or stands twice");
  });
  const troubles = [...one.troubles, ...other.troubles].filter(
    (trouble) => !/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|Failed to load resource/.test(trouble),
  );
  assert.deepEqual(troubles, []);
  await one.page.close();
  await other.page.close();
});
