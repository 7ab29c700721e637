import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { desk, phone, watchedPage } from "../e2e/support/people.ts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

// What is loaded on demand comes behind a shape of its own size: nothing jumps when it is there.

const world = sampledMuster();

interface OnDemand {
  what: string;
  /** Where the way there begins, and the link that leads on. */
  from: string;
  link: () => string;
  /** Text that only the script of the part has. */
  mark: string;
  skeleton: string;
  /** The part's columns, once it is there. */
  columns: (page: Page) => ReturnType<Page["locator"]>;
}

const parts: OnDemand[] = [
  {
    what: "the squad builder",
    from: "/squads",
    link: () => `/squads/${world.samples.squadId}`,
    mark: "Your unsaved changes were kept on this device.",
    skeleton: "Loading the squad builder",
    columns: (page) => page.locator("form .grid.items-start").first().locator("> *"),
  },
  {
    what: "the viewer of an execution",
    from: "/executions",
    link: () => `/executions/${world.samples.executionId}`,
    mark: "This step has said nothing yet",
    skeleton: "Loading the execution",
    columns: (page) => page.locator("main .grid.flex-1").first().locator("> *"),
  },
];

/** Left edge, width and what of the height is seen, of each column that is drawn. */
async function shapesOf(columns: ReturnType<Page["locator"]>) {
  const height = columns.page().viewportSize()?.height ?? 0;
  return columns.evaluateAll(
    (all, end) =>
      all
        .map((one) => one.getBoundingClientRect())
        .filter((box) => box.width > 0 && box.top < end)
        .map((box) => ({
          left: Math.round(box.left),
          top: Math.round(box.top),
          width: Math.round(box.width),
          seen: Math.round(Math.min(box.bottom, end) - box.top),
        })),
    height,
  );
}

for (const [at, size] of [
  ["desk", desk],
  ["phone", phone],
] as const) {
  describe(`at the size of a ${at}`, () => {
    for (const { what, from, link, mark, skeleton, columns } of parts) {
      test(`${what} comes behind a skeleton of its size`, async () => {
        const context = await world.browser.newContext({ ...size, storageState: await world.context.storageState() });
        const { page, troubles } = await watchedPage(context, world.muster);
        const scripts = Promise.withResolvers<void>();
        let held = 0;
        await page.route("**/_next/static/**/*.js", async (route) => {
          const response = await route.fetch();
          const body = await response.text();
          if (body.includes(mark)) {
            held += 1;
            await scripts.promise;
          }
          await route.fulfill({ response, body });
        });
        await page.goto(`${world.muster.url}${from}`);
        await page.locator(`main a[href^="${link()}"]`).first().click();
        const shape = page.getByRole("status", { name: skeleton });
        await shape.waitFor();
        const before = await shapesOf(shape.locator("> *"));
        assert.ok(before.length > 0 && held > 0, `${held} scripts were held`);
        scripts.resolve();
        await shape.waitFor({ state: "detached" });
        await columns(page).last().waitFor();
        const after = await shapesOf(columns(page));
        assert.deepEqual(after, before);
        assert.deepEqual(troubles, []);
        await context.close();
      });
    }
  });
}
