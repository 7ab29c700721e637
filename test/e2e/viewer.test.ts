import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { Page } from "playwright-core";
import { history, type LongConversation, openLongConversation } from "./support/long-conversation.ts";
import {
  frames,
  idOf,
  isInView,
  newestNumber,
  place,
  shownNumbers,
  showsNewest,
  watchForFlicker,
} from "./support/message-view.ts";
import { watchedPage } from "./support/people.ts";
import { waitUntil } from "./support/running-muster.ts";

let conversation: LongConversation;
before(async () => {
  conversation = await openLongConversation();
});
after(() => conversation?.close());

test("follows what is said, lets go when scrolled up, and follows again from End", async () => {
  const { page, troubles } = await conversation.open();
  conversation.live.start(50);
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
    const { rows } = await conversation.database.db.pool.query("SELECT count(*)::int AS count FROM agent_messages");
    await waitUntil(
      10_000,
      () => "No more is said",
      async () => {
        const now = await conversation.database.db.pool.query("SELECT count(*)::int AS count FROM agent_messages");
        return now.rows[0].count > rows[0].count + 60;
      },
    );
    const later = await place(page);
    assert.equal(later.top, rested.top, "what is read moves");
    assert.equal(later.newest, rested.newest, "another message came into view");
    await page.keyboard.press("End");
    await page.getByRole("button", { name: "Newest" }).waitFor({ state: "detached" });
  } finally {
    said = await conversation.live.stop();
  }
  await showsNewest(page, history + said - 1);
  await page.keyboard.press("Home");
  await page.getByRole("button", { name: "Newest" }).waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});

test("while somebody scrolls, what turns stands still and nothing is pointed at; at rest both are back", async () => {
  const { page, troubles } = await conversation.open();
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
  const { page, troubles } = await conversation.open();
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

  const other = await watchedPage(conversation.context, conversation.muster);
  await other.page.goto(link);
  await isInView(other.page, 9700);
  assert.deepEqual([...troubles, ...other.troubles], []);
  await other.page.close();
});

test("a link far back opens with the messages around it alone, and leads on to both sides and to the newest", async () => {
  const { page, troubles } = await watchedPage(conversation.context, conversation.muster);
  const requests: string[] = [];
  page.on("request", (request) => {
    if (/\/messages\?/.test(request.url())) requests.push(request.url());
  });
  await page.goto(`${conversation.address}#message-${await idOf(conversation.database, 5000)}`);
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
  await showsNewest(page, await newestNumber(conversation.database));
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a dropped stream resumes without a flicker and without a gap; two tabs agree", async () => {
  const [one, other] = [await conversation.open(), await conversation.open()];
  await one.page.bringToFront();
  await watchForFlicker(one.page);
  conversation.live.start(50);
  let said = 0;
  try {
    await waitUntil(
      10_000,
      () => "No frame is drawn",
      () => one.page.evaluate("globalThis.frames > 30"),
    );
    await conversation.muster.kill();
    await one.page.getByText("Reconnecting").waitFor();
    // The last words on the page stay while the line is down.
    await conversation.muster.start();
    await one.page.getByText("Live", { exact: true }).first().waitFor({ timeout: 120_000 });
  } finally {
    said = await conversation.live.stop();
  }
  assert.ok(said > 50, "something was said meanwhile");
  const newest = await newestNumber(conversation.database);
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
