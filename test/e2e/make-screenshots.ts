/**
 * Makes the pictures of the guide from a fresh Muster with sample data: `node test/e2e/make-screenshots.ts [folder]`.
 * Every main page, in both themes, at twice the resolution.
 */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import sharp from "sharp";
import { launchBrowser } from "../support/browser.ts";
import { claim } from "./support/people.ts";
import { runMuster } from "./support/running-muster.ts";
import { seedSamples } from "./support/samples.ts";

const folder = resolve(process.argv[2] ?? join(import.meta.dirname, "../../docs/guide/images"));
await mkdir(folder, { recursive: true });
const [muster, browser] = await Promise.all([runMuster(), launchBrowser()]);
try {
  const first = await browser.newContext();
  const samples = await seedSamples(await claim(first, muster));
  const session = await first.storageState();
  await first.close();
  const pages: [name: string, path: string, ready: string][] = [
    ["dashboard", "/", "text=Recent executions"],
    ["squads", "/squads", "main li"],
    ["squad-builder", `/squads/${samples.squadId}`, "text=All changes are saved"],
    ["board", `/projects/${samples.projectId}`, "main >> text=Members:"],
    ["execution", `/executions/${samples.executionId}`, "role=tab[name=/Files \\d/]"],
    ["calls", `/executions/${samples.executionId}?tab=calls`, "table"],
    ["usage", "/usage", "table"],
    ["performance", "/performance", "table"],
  ];
  for (const theme of ["light", "dark"] as const) {
    const context = await browser.newContext({
      storageState: session,
      colorScheme: theme,
      viewport: { width: 1280, height: 800 },
      deviceScaleFactor: 2,
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    for (const [name, path, ready] of pages) {
      await page.goto(muster.url + path);
      await page.locator("[data-first-view]").waitFor({ state: "detached" });
      await page.locator(ready).first().waitFor();
      await page.evaluate("document.fonts.ready");
      const picture = await page.screenshot({ animations: "disabled" });
      await sharp(picture)
        .webp({ quality: 82 })
        .toFile(join(folder, `${name}-${theme}.webp`));
    }
    await context.close();
  }
  console.log(`${pages.length * 2} pictures in ${folder}`);
} finally {
  await browser.close();
  await muster.stop();
}
