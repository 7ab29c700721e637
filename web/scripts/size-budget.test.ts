import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { budgetKilobytes, loadedScripts, measureRoutes } from "./size-budget.ts";

test("scripts for old browsers and data blocks are no load", () => {
  const html =
    '<script src="/a.js" async=""></script><script src="/old.js" noModule=""></script><script type="application/json">{}</script>';
  assert.deepEqual(loadedScripts(html), ["/a.js"]);
});

const out = join(import.meta.dirname, "../out");
test("no page loads more script than its budget", {
  skip: existsSync(join(out, "index.html")) ? false : "the UI is not built",
}, async () => {
  const routes = await measureRoutes(out);
  assert.ok(routes.length >= 15, `only ${routes.length} pages`);
  for (const { route, brotliKilobytes } of routes) {
    assert.ok(brotliKilobytes > 50 && brotliKilobytes <= budgetKilobytes, `${route}: ${brotliKilobytes.toFixed(1)} KB`);
  }
});
