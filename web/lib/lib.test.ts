import assert from "node:assert/strict";
import { test } from "node:test";
import { avatarHue, initials } from "./avatar.ts";
import { firstData } from "./first-data.ts";
import { formatBytes, formatCost, formatDuration, formatMoney, formatRelative, formatTokenPrice } from "./format.ts";
import { splitBlocks } from "./markdown-blocks.ts";
import { linkTarget } from "./safe-link.ts";
import { routePattern } from "./vitals.ts";

test("money shows what it is, and never zero for what is not known", () => {
  assert.equal(formatMoney(null), "unknown");
  assert.equal(formatMoney(0), "$0");
  assert.equal(formatMoney(12_300_000), "$0.0123");
  assert.equal(formatMoney(1), "< $0.0001");
  assert.equal(formatMoney(1_234_560_000_000), "$1,234.56");
  assert.equal(formatCost(0, true), "unknown");
  assert.equal(formatCost(12_300_000, true), "$0.0123 + unknown");
  assert.equal(formatTokenPrice(2500), "$2.50");
  assert.equal(formatTokenPrice(null), "unknown");
});

test("times and sizes in one unit", () => {
  assert.deepEqual([0, 999, 4200, 59_000, 185_000, 8_040_000].map(formatDuration), [
    "0 ms",
    "999 ms",
    "4.2 s",
    "59 s",
    "3m 05s",
    "2h 14m",
  ]);
  assert.equal(formatBytes(14_541), "14.2 KB");
  const now = Date.parse("2026-11-23T12:00:00Z");
  assert.equal(formatRelative("2026-11-23T11:56:00Z", now), "4m ago");
  assert.equal(formatRelative("2026-11-25T12:00:00Z", now), "in 2d");
});

test("Markdown is cut only where nothing belongs together, and the cuts lose no text", () => {
  const text = "# One\n\ntext\n\n```js\nlet a;\n\nlet b;\n```\n\n- item\n\n  more of it\n\n- next\n\nend";
  const blocks = splitBlocks(text);
  assert.equal(blocks.join("\n"), text);
  assert.ok(blocks.some((block) => block.includes("let a;") && block.includes("let b;")));
  assert.ok(blocks.some((block) => block.includes("- item") && block.includes("- next")));
  assert.deepEqual(splitBlocks("[a]: https://example.org\n\nsee [a]").length, 1);
});

test("links lead outside only, by http, https or mail, without disguise", () => {
  for (const href of [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "/settings",
    "//evil.example",
    "vbscript:x",
    "file:///etc/passwd",
    "https://muster@evil.example/",
    " javascript:alert(1)",
    "blob:https://x/y",
    "",
  ]) {
    assert.equal(linkTarget(href).kind, "none", href);
  }
  assert.deepEqual(linkTarget("https://example.org/a"), {
    kind: "external",
    href: "https://example.org/a",
    host: "example.org",
  });
});

test("avatars are the same for the same role", () => {
  assert.deepEqual(["Data Analyst", "Writer", ""].map(initials), ["DA", "W", "?"]);
  assert.equal(avatarHue("Writer"), avatarHue("writer"));
});

test("no id leaves the page with a web vital", () => {
  assert.equal(routePattern("/squads/01990000-0000-7000-8000-000000000000"), "/squads/[id]");
  assert.deepEqual(["/", "/squads", "/squads/new"].map(routePattern), ["/", "/squads", "/squads/new"]);
});

test("every pattern of first data is a regular expression that means one page", () => {
  const paths = ["/", "/squads", "/squads/new", "/projects", "/executions", "/chat", "/performance", "/settings"];
  for (const path of paths) assert.equal(firstData.filter(({ page }) => new RegExp(page).test(path)).length, 1, path);
});
