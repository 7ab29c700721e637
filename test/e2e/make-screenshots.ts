/**
 * Makes the pictures of the guide from an installation that looks lived in: `node test/e2e/make-screenshots.ts [folder]`.
 * Every main page, in both themes, at twice the resolution.
 */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import sharp from "sharp";
import { launchBrowser } from "../support/browser.ts";
import { createTestDatabase } from "../support/database.ts";
import { type LivedIn, seedLivedIn, startLivedInProvider } from "./support/lived-in.ts";
import { desk, phone } from "./support/people.ts";
import { type RunningMuster, runMuster, waitUntil } from "./support/running-muster.ts";

const folder = resolve(process.argv[2] ?? join(import.meta.dirname, "../../docs/guide/images"));

type Picture = [name: string, path: string, ready: string, size?: typeof phone];

function picturesOf({ squadId, projectId, runningId, completedId, conversationId }: LivedIn): Picture[] {
  return [
    // What still runs comes first: it goes on meanwhile.
    ["execution", `/executions/${runningId}`, "article[aria-busy=true]"],
    ["phone", `/executions/${runningId}`, "article[aria-busy=true]", phone],
    ["dashboard", "/", "main >> text=Approve"],
    ["board", `/projects/${projectId}`, "main >> text=Members:"],
    ["calls", `/executions/${completedId}?tab=calls`, "table"],
    ["squads", "/squads", "main li"],
    ["squad-builder", `/squads/${squadId}`, "text=All changes are saved"],
    ["projects", "/projects", "main li"],
    ["chat", `/chat?conversation=${conversationId}`, "main table"],
    ["usage", "/usage", "table"],
    ["performance", "/performance", "table"],
    ["notifications", "/notifications", "main li"],
    ["settings", "/settings?part=models", "table"],
  ];
}

async function takePicture(page: Page, url: string, [name, path, ready]: Picture, theme: string): Promise<void> {
  await page.goto(url + path);
  await page.locator("[data-first-view]").waitFor({ state: "detached" });
  await page.locator(ready).first().waitFor();
  await page.locator("[role=status][aria-label^=Loading]").first().waitFor({ state: "detached" });
  await waitUntil(
    60_000,
    () => "The page is drawn without its font",
    () =>
      page.evaluate<boolean>(
        `[...document.fonts].some(({ status, family }) => status === "loaded" && family === "inter")`,
      ),
  );
  const picture = await page.screenshot({ animations: "disabled" });
  await sharp(picture)
    .webp({ quality: 68, effort: 6 })
    .toFile(join(folder, `${name}-${theme}.webp`));
}

/** A slow first visit goes without our fonts and keeps them for the next one: nothing is pictured before that. */
async function keepFonts(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/shortcuts`);
  await waitUntil(
    120_000,
    () => "The fonts are not kept",
    () => page.evaluate<boolean>(`localStorage.getItem("muster-fonts") !== null`),
  );
}

/** Reads as people at work cause them, so that the page of targets has figures of a server that is warm. */
async function makeTraffic(context: BrowserContext, muster: RunningMuster, pictures: Picture[]): Promise<void> {
  const reads = ["dashboard", "squads?page=1&pageSize=24", "projects?page=1&pageSize=24", "executions?limit=30", "me"];
  for (let round = 0; round < 60; round++) {
    const answers = reads.map((read) => context.request.get(`${muster.url}/api/v1/${read}`));
    await Promise.all(answers);
  }
  const page = await context.newPage();
  for (const [, path, ready] of pictures) {
    await page.goto(muster.url + path);
    await page.locator(ready).first().waitFor();
    await page.locator("h1").first().click();
  }
  await page.close();
}

async function takeAll(browser: Browser, muster: RunningMuster, first: BrowserContext, pictures: Picture[]) {
  const storageState = await first.storageState();
  const common = { storageState, deviceScaleFactor: 2, reducedMotion: "reduce" } as const;
  const live = pictures.slice(0, 4);
  for (const [at, some] of [live, pictures.slice(4)].entries()) {
    if (at === 1) await makeTraffic(first, muster, some);
    for (const theme of ["light", "dark"] as const) {
      for (const size of [phone, desk]) {
        const chosen = some.filter((picture) => (picture[3] === phone) === (size === phone));
        if (chosen.length === 0) continue;
        const context = await browser.newContext({ ...common, ...size, deviceScaleFactor: 2, colorScheme: theme });
        const page = await context.newPage();
        await keepFonts(page, muster.url);
        for (const picture of chosen) await takePicture(page, muster.url, picture, theme);
        await context.close();
      }
    }
  }
}

await mkdir(folder, { recursive: true });
const [database, provider, browser] = await Promise.all([
  createTestDatabase(),
  startLivedInProvider(),
  launchBrowser(),
]);
const muster = await runMuster({ DATABASE_URL: database.url });
try {
  const context = await browser.newContext();
  const pictures = picturesOf(await seedLivedIn(context, database.db, muster, provider));
  await takeAll(browser, muster, context, pictures);
  console.log(`${pictures.length * 2} pictures in ${folder}`);
} finally {
  await browser.close();
  await muster.stop();
  await provider.close();
  await database.drop();
}
