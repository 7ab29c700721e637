import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { budgetKilobytes, firstLoadScripts, measureRoutes, overBudget } from "./size-budget.ts";

test("what a browser loads: scripts and preloads once each, nothing for old browsers, no data", () => {
  const html = `<link rel="preload" as="script" href="/a.js"/><link rel="modulepreload" href="/m.js">
    <link rel="preload" href="/font.woff2" as="font"/><link rel="stylesheet" href="/s.css">
    <script src="/a.js" async=""></script><script async src="/b.js?v=1"></script><script src="/old.js" noModule=""></script>
    <script type="application/json" id="data-src">{}</script><script>"<b src=none>"</script>`;
  assert.deepEqual(firstLoadScripts(html), ["/a.js", "/b.js", "/m.js"]);
});

test("a page over its budget is found", async () => {
  const out = await mkdtemp(join(tmpdir(), "muster-budget-"));
  try {
    // Random bytes do not compress: one script of the whole budget, a second one that is a little too much.
    await writeFile(join(out, "most.js"), randomBytes(budgetKilobytes * 1024 - 4096));
    await writeFile(join(out, "more.js"), randomBytes(8192));
    await writeFile(join(out, "fits.html"), '<script src="/most.js"></script>');
    await writeFile(
      join(out, "fails.html"),
      '<script src="/most.js"></script><link rel="modulepreload" href="/more.js">',
    );
    const routes = await measureRoutes(out);
    assert.deepEqual(
      overBudget(routes).map(({ route }) => route),
      ["/fails"],
    );
  } finally {
    await rm(out, { recursive: true, force: true });
  }
});

const out = join(import.meta.dirname, "../out");
test("no page loads more script than its budget", {
  skip: existsSync(join(out, "index.html")) ? false : "the UI is not built",
}, async (context) => {
  const routes = await measureRoutes(out);
  assert.ok(routes.length >= 15, `only ${routes.length} pages`);
  for (const { route, brotliKilobytes } of routes) {
    await context.test(`${route}: ${brotliKilobytes.toFixed(1)} KB of at most ${budgetKilobytes}`, () => {
      assert.ok(brotliKilobytes > 50, "less than React itself: the measuring is wrong");
      assert.ok(brotliKilobytes <= budgetKilobytes);
    });
  }
});
