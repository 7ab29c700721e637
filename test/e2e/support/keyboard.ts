import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";

/** A page that is used with the keyboard alone: every stop of the focus is checked on the way. */
export interface Keyboard {
  /** Presses Tab until the focus is on it; fails where the focus is lost, cannot be seen, or never comes there. */
  to(target: Locator): Promise<void>;
  /** Goes there and presses Enter. */
  enter(target: Locator): Promise<void>;
  /** Goes to a field and writes into it, instead of what is there. */
  fill(target: Locator, text: string): Promise<void>;
  press(...keys: string[]): Promise<void>;
  /** How often a pointer was used: never, by the keyboard alone. */
  pointerUses(): Promise<number>;
}

interface Stop {
  name: string;
  lost: boolean;
  seen: boolean;
}

const mostStops = 200;

/** Where the focus is, and whether one sees it: an outline on it or on the label around it, within the window. */
const whereFocusIs = `(() => {
  const element = document.activeElement;
  if (!element || element === document.body) return { name: "nothing", lost: true, seen: false };
  const outlined = (each) => {
    if (!each) return false;
    const { outlineStyle, outlineWidth } = getComputedStyle(each);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 1;
  };
  const { top, bottom, left, right } = element.getBoundingClientRect();
  const within = bottom > 0 && right > 0 && top < innerHeight && left < innerWidth;
  // The palette's field is the only thing its dialog focuses: its caret shows it. The content itself is a landmark.
  const alone = element.matches("[cmdk-input], #content");
  return { name: element.outerHTML.slice(0, 160), lost: false, seen: within && (alone || outlined(element) || outlined(element.closest("label"))) };
})()`;

const countPointers = `(() => {
  globalThis.pointerUses = 0;
  for (const type of ["pointerdown", "mousedown", "touchstart"])
    addEventListener(type, () => globalThis.pointerUses++, { capture: true });
})()`;

export async function keyboardOf(page: Page): Promise<Keyboard> {
  await page.addInitScript(countPointers);

  async function to(target: Locator): Promise<void> {
    await target.first().waitFor();
    let lostInARow = 0;
    for (let stop = 0; stop < mostStops; stop++) {
      if (await target.first().evaluate((element) => element.matches(":focus"))) return;
      await page.keyboard.press("Tab");
      const now = await page.evaluate<Stop>(whereFocusIs);
      lostInARow = now.lost ? lostInARow + 1 : 0;
      // Behind the last stop the focus leaves the page once, before it begins anew.
      assert.ok(lostInARow <= 1, `The focus is lost on the way to ${target}`);
      assert.ok(now.lost || now.seen, `The focus cannot be seen on ${now.name}`);
    }
    assert.fail(`Tab does not come to ${target}`);
  }

  return {
    to,
    async enter(target) {
      await to(target);
      await page.keyboard.press("Enter");
    },
    async fill(target, text) {
      await to(target);
      await page.keyboard.press("Control+a");
      await page.keyboard.type(text);
    },
    async press(...keys) {
      for (const key of keys) await page.keyboard.press(key);
    },
    pointerUses: () => page.evaluate("globalThis.pointerUses"),
  };
}

/** Fails unless something on the page has the focus. */
export async function assertFocused(page: Page, after: string): Promise<void> {
  const now = await page.evaluate<Stop>(whereFocusIs);
  assert.ok(!now.lost, `The focus is lost after ${after}`);
}
