import { after, before } from "node:test";
import type { Browser, BrowserContext } from "playwright-core";
import type { ExecutionAnswer } from "#contracts";
import { launchBrowser } from "../../support/browser.ts";
import { type Call, claim, desk, openContext, type phone, type WatchedPage, watchedPage } from "./people.ts";
import { type RunningMuster, runMuster, waitUntil } from "./running-muster.ts";
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

interface SampledOptions {
  /** Variables of the environment. */
  settings?: () => Promise<Record<string, string>>;
  /** What the owner sits at: a desk. */
  size?: typeof phone | typeof desk;
  /** No sample data: `samples` is not there. */
  empty?: true;
  /** Adds what these tests need: hooks of one file do not wait for each other. */
  prepare?: (world: SampledMuster) => Promise<void>;
}

/** Starts it before the tests of the calling file and stops it after them. */
export function sampledMuster(options: SampledOptions = {}): SampledMuster {
  const world = {} as SampledMuster;
  before(async () => {
    const settings = (await options.settings?.()) ?? {};
    const [muster, browser] = await Promise.all([runMuster(settings), launchBrowser()]);
    const context = await openContext(browser, "light", options.size ?? desk);
    const call = await claim(context, muster);
    Object.assign(world, { muster, browser, context, call, open: () => watchedPage(context, muster) });
    if (!options.empty) world.samples = await seedSamples(call);
    await options.prepare?.(world);
  });
  after(async () => {
    await world.browser?.close();
    await world.muster?.stop();
  });
  return world;
}

/** A provider account at a server of the test's own, as the API takes it. */
export const localAccount = (baseUrl: string, name: string, model: string) => ({
  kind: "openai_compatible",
  name,
  baseUrl,
  apiKey: "sk-local-0000",
  allowPrivateAddress: true,
  models: [model],
});

/** The state of an execution now, as the API tells it. */
export const statusOf = async (call: Call, executionId: string) =>
  (await call<ExecutionAnswer>("GET", `/executions/${executionId}`)).execution.status;

/** Waits until an execution is in a state; a minute at most. */
export async function executionComesTo(call: Call, executionId: string, wanted: string): Promise<void> {
  let status = "";
  await waitUntil(
    60_000,
    () => `The execution is ${status}, not ${wanted}`,
    async () => {
      status = await statusOf(call, executionId);
      return status === wanted;
    },
  );
}
