import type { Browser, BrowserContext, Page } from "playwright-core";
import { type Figures, observerScript, readFigures } from "./figures.ts";
import { type BenchPage, livePage } from "./seed-pages.ts";

/** How much slower than the machine the page's CPU is. */
export type Slowdown = 1 | 4;
export type Session = Awaited<ReturnType<BrowserContext["storageState"]>>;

export interface Visitor {
  browser: Browser;
  url: string;
  session: Session;
}

/** A fresh visit with an empty cache; `use` gets the page when its content is there. */
export async function visit<Value>(
  { browser, url, session }: Visitor,
  page: BenchPage,
  cpu: Slowdown,
  use: (page: Page, bytes: () => number) => Promise<Value>,
): Promise<Value> {
  const context = await browser.newContext({ storageState: session, viewport: { width: 1280, height: 800 } });
  try {
    context.setDefaultTimeout(60_000);
    await context.addInitScript(observerScript);
    const tab = await context.newPage();
    const devtools = await context.newCDPSession(tab);
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: cpu });
    await devtools.send("Network.enable");
    let bytes = 0;
    devtools.on("Network.loadingFinished", ({ encodedDataLength }) => {
      bytes += encodedDataLength;
    });
    await tab.goto(url + page.path, { waitUntil: "load" });
    await tab.locator(page.ready).first().waitFor();
    // Until then the content is there to read, not to use.
    await tab.locator("[data-first-view]").waitFor({ state: "detached" });
    await tab.locator("[role=status][aria-label^=Loading]").first().waitFor({ state: "detached" });
    return await use(tab, () => bytes);
  } finally {
    await context.close();
  }
}

/** Measures one visit: the load, and input (the palette opens, takes a letter and closes; then what the page is used for). */
export function measureVisit(visitor: Visitor, page: BenchPage, cpu: Slowdown): Promise<Figures> {
  return visit(visitor, page, cpu, async (tab, bytes) => {
    // The largest paint is final with the first input: let the page come to rest before it, unless it never does.
    if (page.name !== livePage)
      await tab.evaluate("new Promise((done) => requestIdleCallback(done, { timeout: 1000 }))");
    const loaded = bytes();
    await tab.keyboard.press("Control+k");
    await tab.getByRole("dialog").waitFor();
    await tab.keyboard.type("s");
    await tab.keyboard.press("Escape");
    await page.use?.(tab);
    return { ...(await readFigures(tab)), bytes: loaded };
  });
}
