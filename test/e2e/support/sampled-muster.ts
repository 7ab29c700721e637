import { after, before } from "node:test";
import type { Browser, BrowserContext } from "playwright-core";
import { launchBrowser } from "../../support/browser.ts";
import { type Call, claim, desk, openContext, type WatchedPage, watchedPage } from "./people.ts";
import { type RunningMuster, runMuster } from "./running-muster.ts";
import { type Samples, seedSamples } from "./samples.ts";

/** A Muster with sample data and its owner at a desk; filled in before the first test of the file. */
export interface SampledMuster {
  muster: RunningMuster;
  browser: Browser;
  context: BrowserContext;
  call: Call;
  samples: Samples;
  /** A new page of the owner. */
  open(): Promise<WatchedPage>;
}

/**
 * Starts it before the tests of the calling file and stops it after them. `settings` gives variables of the environment,
 * `prepare` adds what these tests need: hooks of one file do not wait for each other.
 */
export function sampledMuster({
  settings = async () => ({}),
  prepare = async () => undefined,
}: {
  settings?: () => Promise<Record<string, string>>;
  prepare?: (world: SampledMuster) => Promise<void>;
} = {}): SampledMuster {
  const world = {} as SampledMuster;
  before(async () => {
    const [muster, browser] = await Promise.all([settings().then((found) => runMuster(found)), launchBrowser()]);
    const context = await openContext(browser, "light", desk);
    const call = await claim(context, muster);
    Object.assign(world, { muster, browser, context, call, open: () => watchedPage(context, muster) });
    world.samples = await seedSamples(call);
    await prepare(world);
  });
  after(async () => {
    await world.browser?.close();
    await world.muster?.stop();
  });
  return world;
}
