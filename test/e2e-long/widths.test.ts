import assert from "node:assert/strict";
import { test } from "node:test";
import { watchedPage } from "../e2e/support/people.ts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";
import { pages } from "../e2e/support/test-pages.ts";

// 320 px is a page at 400 % (WCAG 2.2, 1.4.10 Reflow), 1920 px a large screen. 390 and 1280 px have tests of their own.

const world = sampledMuster();

interface Shown {
  over: number;
  /** Controls and headings that reach out of the window, where nothing can be scrolled to them. */
  cut: string[];
}
const shown = `(() => {
  const scrolls = (element) => {
    for (let each = element.parentElement; each; each = each.parentElement)
      if (/auto|scroll/.test(getComputedStyle(each).overflowX) && each.scrollWidth > each.clientWidth) return true;
    return false;
  };
  const cut = [...document.querySelectorAll("h1, h2, h3, a, button, input, select, textarea, label")].filter((each) => {
    const { left, right, width } = each.getBoundingClientRect();
    return width > 1 && each.checkVisibility({ visibilityProperty: true }) && !each.closest(".sr-only") && (left < -1 || right > innerWidth + 1) && !scrolls(each);
  });
  return {
    over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    cut: cut.map((each) => each.outerHTML.slice(0, 160)),
  };
})()`;

for (const width of [320, 1920]) {
  test(`at ${width} px no page scrolls sideways and nothing of it is cut`, async () => {
    const storageState = await world.context.storageState();
    const context = await world.browser.newContext({ viewport: { width, height: 900 }, storageState });
    context.setDefaultTimeout(60_000);
    const { page } = await watchedPage(context, world.muster);
    const found: string[] = [];
    for (const [path, ready] of pages(world.samples)) {
      await page.goto(world.muster.url + path);
      // At 320 px the plan and the columns of some tables stand further on: there, though not in sight.
      await page.locator(ready).first().waitFor({ state: "attached" });
      const { over, cut } = await page.evaluate<Shown>(shown);
      if (over > 0) found.push(`${path} is ${over} px wider than its window`);
      for (const each of cut.slice(0, 3)) found.push(`${path} cuts ${each}`);
    }
    assert.deepEqual(found, []);
    await context.close();
  });
}
