import type { Page } from "playwright-core";
import type { TestDatabase } from "../../support/database.ts";
import { waitUntil } from "./running-muster.ts";

// What is seen of a list of messages whose texts begin with "Message NUMBER:".

/** How far the view is from its end, and the number in the text of the lowest message. */
export function place(page: Page): Promise<{ behind: number; top: number; newest: number }> {
  return page.getByRole("log").evaluate((log) => ({
    behind: log.scrollHeight - log.scrollTop - log.clientHeight,
    top: log.scrollTop,
    newest: Math.max(
      ...[...log.querySelectorAll("article")].map((row) =>
        Number(/Message (\d+):/.exec(row.textContent ?? "")?.[1] ?? -1),
      ),
    ),
  }));
}

export async function showsNewest(page: Page, least: number): Promise<void> {
  let now = await place(page);
  await waitUntil(
    10_000,
    () => `Shows message ${now.newest}, ${now.behind} px from its end, instead of ${least}`,
    async () => {
      now = await place(page);
      return now.newest >= least && now.behind < 90;
    },
  );
}

/** The numbers of the messages that are drawn, from above. */
export async function shownNumbers(page: Page): Promise<number[]> {
  const texts = await page.locator("article").allInnerTexts();
  return texts.map((text) => Number(/Message (\d+):/.exec(text)?.[1] ?? -1)).filter((number) => number >= 0);
}

export async function isInView(page: Page, number: number): Promise<void> {
  const target = page.locator("article", { hasText: `Message ${number}:` });
  await target.waitFor();
  await waitUntil(
    10_000,
    () => `Message ${number} is not in view`,
    () =>
      target.evaluate((row) => {
        const log = row.closest("[role=log]")?.getBoundingClientRect();
        const { top, bottom } = row.getBoundingClientRect();
        return log !== undefined && bottom > log.top && top < log.bottom;
      }),
  );
}

/** Notes the requests for older messages, and has them fail while `failing.now` is true. */
export async function watchOlder(page: Page): Promise<{ count: number; failing: boolean }> {
  const older = { count: 0, failing: false };
  await page.route(/\/messages\?.*cursor=/, async (route) => {
    older.count += 1;
    await (older.failing ? route.fulfill({ status: 500, body: "" }) : route.continue());
  });
  return older;
}

/** A script that ends after so many drawn frames: what an effect would have begun by itself is on its way by then. */
export function frames(count: number): string {
  return `new Promise((resolve) => {
    let left = ${count};
    const next = () => (left-- > 0 ? requestAnimationFrame(next) : resolve());
    next();
  })`;
}

/**
 * Notes at every frame in `flickers` whatever a reader could see as one: nothing drawn, a skeleton, a row gone that was there, a
 * jump away from the end; counts `frames` and the most rows at once, `rowsSeen`.
 */
export function watchForFlicker(page: Page): Promise<void> {
  return page.evaluate(`(() => {
    globalThis.flickers = [];
    globalThis.frames = 0;
    globalThis.rowsSeen = 0;
    let plan = 0, newest = -1;
    const look = () => {
      const log = document.querySelector("[role=log]");
      // The list is virtual: rows leave it above, never below, and what was the newest is passed only by newer ones.
      const numbers = [...document.querySelectorAll("article")]
        .map((row) => Number(/Message (\\d+):/.exec(row.textContent)?.[1] ?? -1));
      const now = Math.max(-1, ...numbers);
      if (now < newest) globalThis.flickers.push("a row is gone that was there");
      const known = numbers.filter((number) => number >= 0);
      if (known.some((number, at) => at > 0 && number !== known[at - 1] + 1)) globalThis.flickers.push("a row between others is missing");
      newest = Math.max(newest, now);
      globalThis.rowsSeen = Math.max(globalThis.rowsSeen, known.length);
      const steps = document.querySelectorAll("main ol button[aria-pressed]").length;
      if (steps < plan) globalThis.flickers.push("a row of the plan is gone");
      plan = Math.max(plan, steps);
      globalThis.frames += 1;
      if (!log || log.querySelectorAll("article").length < 2) globalThis.flickers.push("the list is empty");
      else if (log.scrollHeight - log.scrollTop - log.clientHeight > 400) globalThis.flickers.push("the view jumps");
      if (document.querySelector("[aria-label^=Loading]")) globalThis.flickers.push("a skeleton");
      if (document.querySelector("main [role=alert]")) globalThis.flickers.push("an error");
      requestAnimationFrame(look);
    };
    look();
  })()`);
}

/** The number of the newest message that a model wrote. */
export async function newestNumber({ db }: TestDatabase): Promise<number> {
  const { rows } = await db.pool.query(
    "SELECT content FROM agent_messages WHERE role = 'assistant' ORDER BY id DESC LIMIT 1",
  );
  return Number(/Message (\d+):/.exec(String(rows[0]?.content))?.[1]);
}

/** The id of the message with a number. */
export async function idOf({ db }: TestDatabase, number: number): Promise<string> {
  const { rows } = await db.pool.query("SELECT id FROM agent_messages WHERE content LIKE $1", [`Message ${number}:%`]);
  return String(rows[0]?.id);
}
