import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launchBrowser } from "../../support/browser.ts";
import { axeFindings } from "./axe.ts";
import { claim, desk, openContext, type phone, watchedPage } from "./people.ts";
import { type RunningMuster, runMuster, waitUntil } from "./running-muster.ts";
import { type Samples, seedSamples } from "./samples.ts";

/** A table that is wider than its place, and what tells and serves those who look for the rest of it. */
interface WideTable {
  name: string | null;
  focusable: boolean;
  /** Pixels that fade at the left and at the right edge, at the beginning and when scrolled to the end. */
  fades: [left: number, right: number][];
}
const wideTables = `(async () => {
  const lengths = (element) => {
    const style = getComputedStyle(element);
    return ["--fade-left", "--fade-right"].map((name) => Number.parseFloat(style.getPropertyValue(name)));
  };
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const found = [];
  for (const table of document.querySelectorAll("table")) {
    let place = table;
    while (place && !(place.scrollWidth > place.clientWidth && getComputedStyle(place).overflowX !== "visible")) place = place.parentElement;
    if (!place) continue;
    const fades = [lengths(place)];
    place.scrollLeft = place.scrollWidth;
    await frame();
    fades.push(lengths(place));
    place.scrollLeft = 0;
    await frame();
    found.push({ name: place.getAttribute("aria-label"), focusable: place.tabIndex === 0, fades });
  }
  return found;
})()`;

interface Shown {
  theme: string;
  over: number;
  headings: number;
  title: string;
}

/** Pages, and what says that their content is there. */
export function pages(samples: Samples): [path: string, ready: string][] {
  const { squadId, projectId, executionId, taskId } = samples;
  return [
    ["/", "text=Recent executions"],
    ["/squads", "text=8 squads"],
    ["/squads/new", "text=Blank"],
    [`/squads/${squadId}`, "text=All changes are saved"],
    ["/projects", "text=2 projects"],
    [`/projects/${projectId}`, "h2:has-text('Pending')"],
    [`/projects/${projectId}?task=${taskId}`, "dialog >> text=Attachments"],
    ["/executions", "main li"],
    [`/executions/${executionId}`, "article"],
    [`/executions/${executionId}?tab=plan`, "text=Plan the work >> visible=true"],
    [`/executions/${executionId}?tab=result`, "summary:has-text('The task')"],
    [`/executions/${executionId}?tab=files`, "text=Download"],
    [`/executions/${executionId}?tab=calls`, "table"],
    ["/chat", "textarea"],
    ["/usage", "table"],
    ["/performance", "table"],
    ["/settings", "text=No account of your own"],
    ["/settings?part=models", "table"],
    ["/settings?part=budgets", "text=per month"],
    ["/settings?part=keys", "text=No key yet"],
    ["/settings?part=people", "text=Invitations"],
    ["/settings?part=retention", "text=Whole database"],
    ["/settings?part=profile", "text=New password"],
    ["/settings?part=appearance", "text=As the system"],
    ["/notifications", "main li"],
    ["/shortcuts", "text=Everywhere"],
    ["/sign-in", "text=Sign in to Muster"],
    ["/claim", "text=It has an owner already"],
    ["/join", "text=You were invited"],
    ["/no/such/page", "text=There is nothing at this address"],
  ];
}

/** Colours may turn by a transition; axe would judge those in between. */
const colourChangesDone = `Promise.all(document.getAnimations()
  .filter((one) => one instanceof CSSTransition)
  .map((one) => one.finished.catch(() => null)))`;

/** In its theme, no wider than its window, with one main heading and a title. */
async function looksRight(page: Page, path: string, theme: "light" | "dark"): Promise<void> {
  const shown = await page.evaluate<Shown>(`({
    theme: document.documentElement.dataset.theme,
    over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    headings: document.querySelectorAll("h1").length,
    title: document.title,
  })`);
  assert.equal(shown.theme, theme, path);
  assert.ok(shown.over <= 0, `${path} is ${shown.over} px wider than its window`);
  assert.equal(shown.headings, 1, `${path} has ${shown.headings} main headings`);
  assert.match(shown.title, /Muster$/, path);
}

/** Every page in both themes at one width: there, silent, fitting, and clean for axe. */
export function testPages(width: number, size: typeof phone | typeof desk): void {
  let muster: RunningMuster;
  let browser: Browser;
  let samples: Samples;
  const wide = new Set<string>();
  let signedIn: Awaited<ReturnType<BrowserContext["storageState"]>>;

  before(async () => {
    [muster, browser] = await Promise.all([runMuster(), launchBrowser()]);
    const context = await openContext(browser, "light", desk);
    const call = await claim(context, muster);
    samples = await seedSamples(call);
    signedIn = await context.storageState();
    await context.close();
  });
  after(async () => {
    await browser?.close();
    await muster?.stop();
  });

  // Two windows at once: each waits for the other's pages no longer than for its own.
  describe(`at ${width} px`, { concurrency: 2 }, () => {
    // A page is loaded in one theme and then seen to turn to the other: half of them each way round.
    for (const [half, first, then] of [
      [0, "light", "dark"],
      [1, "dark", "light"],
    ] as const) {
      test(`each page is there, says nothing wrong, fits its window, and axe finds nothing (loaded ${first}, then ${then})`, async () => {
        const context = await browser.newContext({ ...size, colorScheme: first, storageState: signedIn });
        context.setDefaultTimeout(60_000);
        const { page, troubles, forget } = await watchedPage(context, muster);
        const found: string[] = [];
        for (const [path, ready] of pages(samples).filter((_, index) => index % 2 === half)) {
          forget();
          await page.emulateMedia({ colorScheme: first });
          await page.goto(muster.url + path);
          await page.locator(ready).first().waitFor();
          await waitUntil(
            10_000,
            () => `${path} goes on loading`,
            async () => (await page.locator("[role=status][aria-label^=Loading]").count()) === 0,
          );
          await looksRight(page, path, first);
          for (const { name, focusable, fades } of await page.evaluate<WideTable[]>(wideTables)) {
            assert.ok(name, `${path} has a wide table without a name`);
            assert.ok(focusable, `${name} of ${path} cannot be scrolled by keyboard`);
            assert.deepEqual(
              fades,
              [
                [0, 40],
                [40, 0],
              ],
              `${name} of ${path} does not show that there is more`,
            );
            wide.add(name);
          }
          found.push(...(await axeFindings(page, `${path} (${first})`)));
          await page.emulateMedia({ colorScheme: then });
          await page.locator(`html[data-theme=${then}]`).waitFor({ state: "attached" });
          await page.evaluate(colourChangesDone);
          await looksRight(page, path, then);
          found.push(...(await axeFindings(page, `${path} (${then})`, "colours")));
          const expected = path === "/no/such/page" ? troubles.filter((trouble) => !trouble.includes("404")) : troubles;
          assert.deepEqual(expected, [], path);
        }
        await context.close();
        assert.deepEqual(found, []);
      });
    }
  });

  test(`at ${width} px, the tables that are wider than the page are those that were meant`, () => {
    // Otherwise the checks above might have met none.
    const meant = ["LLM calls", "Models", "Targets", "Usage by squad", "Web vitals"];
    assert.deepEqual([...wide].sort(), width < 500 ? meant : []);
  });
}
