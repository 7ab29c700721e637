import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { firstLoadScripts } from "../../web/scripts/size-budget.ts";
import { launchBrowser } from "../support/browser.ts";
import { claim, desk, openContext } from "./support/people.ts";
import { type RunningMuster, runMuster } from "./support/running-muster.ts";

// The size budget counts from the built document. This compares it with what a browser runs before the page is shown.

let muster: RunningMuster;
let browser: Awaited<ReturnType<typeof launchBrowser>>;
before(async () => {
  [muster, browser] = await Promise.all([runMuster(), launchBrowser()]);
});
after(async () => {
  await browser?.close();
  await muster?.stop();
});

test("what the size budget counts is what Chromium fetches with the document, page by page", async () => {
  const context = await openContext(browser, "light", desk);
  await claim(context, muster);
  for (const path of ["/", "/squads", "/squads/new", "/projects", "/executions", "/usage", "/performance"]) {
    const page = await context.newPage();
    const fetched = new Set<string>();
    page.on("request", (request) => {
      if (request.resourceType() === "script") fetched.add(new URL(request.url()).pathname);
    });
    // Scripts that are loaded on demand are asked for by scripts: when those cannot run, only the document asks.
    await page.route("**/turbopack-*.js", (route) => route.fulfill({ contentType: "text/javascript", body: "" }));
    const document = await page.goto(`${muster.url}${path}`, { waitUntil: "load" });
    const counted = firstLoadScripts((await document?.text()) ?? "");
    assert.ok(counted.length >= 5, `${path} names only ${counted.length} scripts`);
    assert.ok(
      [...fetched].some((script) => script.includes("/turbopack-")),
      "the runtime was not held back",
    );
    assert.deepEqual([...fetched].sort(), counted.map((script) => decodeURIComponent(script)).sort(), path);
    await page.close();
  }
  await context.close();
});
