import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { environmentVariables } from "#config";
import { errorCodes } from "#contracts";
import { referencePages } from "../../scripts/generate-reference.ts";
import { quoteIn } from "../crash/lab/report.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");

function markdownFiles(): string[] {
  const own = readdirSync(root).filter((name) => name.endsWith(".md"));
  const docs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" });
  return [...own, ...docs.filter((name) => name.endsWith(".md")).map((name) => join("docs", name))];
}

test("the generated pages are current (npm run reference makes them so)", async () => {
  for (const [path, text] of await referencePages()) {
    assert.equal(existsSync(join(root, path)) ? read(path) : "", text, `${path} is out of date: npm run reference`);
  }
});

test("README quotes the first lines of docs/reliability.md as they are", () => {
  assert.equal(quoteIn(read("README.md"), read("docs/reliability.md")), read("README.md"));
});

test("README names every variable with its default, errors.md every code", () => {
  const readme = read("README.md");
  for (const { name, default: fallback } of environmentVariables) {
    assert.ok(readme.includes(`| \`${name}\` | ${fallback === null ? "–" : `\`${fallback}\``} |`), name);
  }
  const errors = read("docs/reference/errors.md");
  for (const code of errorCodes) assert.ok(errors.includes(`\`${code}\``), code);
});

test("every link inside the documentation leads somewhere", () => {
  for (const file of markdownFiles()) {
    const text = read(file).replace(/```[\s\S]*?```/g, "");
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?:|mailto:|#)/.test(target)) continue;
      const path = join(root, dirname(file), target.replace(/#.*/, ""));
      assert.ok(existsSync(path), `${file}: ${target}`);
    }
  }
});

test("what the documentation calls a file of this repository is one", () => {
  const folders = "src|docs|deploy|bench|test|scripts|migrations|bin|web";
  for (const file of markdownFiles()) {
    if (file.startsWith("docs/decisions") || file === "CHANGELOG.md") continue;
    for (const [, path = ""] of read(file).matchAll(new RegExp(`\`((?:${folders})/[\\w./-]+)\``, "g"))) {
      assert.ok(existsSync(join(root, path)), `${file}: ${path}`);
    }
  }
});

test("decisions are numbered once, half a page each, with context, decision and consequences", () => {
  const names = readdirSync(join(root, "docs/decisions")).filter((name) => name.endsWith(".md"));
  const numbers = names.map((name) => name.slice(0, 4));
  assert.equal(new Set(numbers).size, numbers.length, numbers.join());
  for (const name of names) {
    assert.match(name, /^\d{4}-[a-z0-9-]+\.md$/);
    const text = read(join("docs/decisions", name));
    for (const part of ["Context", "Decision", "Consequences"]) assert.ok(text.includes(part), `${name}: ${part}`);
  }
});
