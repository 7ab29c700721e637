import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("every run-time dependency has its reason in ADR 0008, and an exact version", () => {
  const { dependencies } = JSON.parse(read("package.json")) as { dependencies: Record<string, string> };
  const listed = [...read("docs/decisions/0008-run-time-dependencies.md").matchAll(/^\| `([^`]+)` \| .+ \|$/gm)].map(
    (row) => row[1],
  );
  assert.deepEqual(
    Object.keys(dependencies).filter((name) => !listed.includes(name)),
    [],
    "not in the list",
  );
  assert.deepEqual(
    Object.entries(dependencies).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)),
    [],
  );
});
