import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (pattern: string): [file: string, text: string][] =>
  globSync(pattern, { cwd: root }).map((file) => [file, readFileSync(root + file, "utf8")]);

test("statements name the columns of tables that they read", () => {
  const tables = new Set(
    read("migrations/*.sql").flatMap(([, text]) =>
      [...text.matchAll(/CREATE (?:UNLOGGED )?TABLE (\w+)/g)].map(([, table]) => table),
    ),
  );
  assert.ok(tables.size > 25, `${tables.size} tables`);
  // Results of functions and of sub-queries have named columns already.
  const everything =
    /SELECT\s+(?:\w+\.)?\*\s+(?:INTO\s+\w+\s+)?FROM\s+(?:ONLY\s+)?(\w+)\b(?!\()|RETURNING\s+(?:\w+\.)?\*/gi;
  const found: string[] = [];
  for (const [file, text] of [...read("src/**/*.ts"), ...read("src/db/functions/*.sql")]) {
    if (file.endsWith(".test.ts")) continue;
    for (const [statement, table] of text.matchAll(everything)) {
      if (table === undefined || tables.has(table)) found.push(`${file}: ${statement}`);
    }
  }
  assert.deepEqual(found, []);
  for (const bad of [
    "SELECT * FROM tasks",
    "SELECT t.* FROM tasks t",
    "SELECT * INTO c FROM tasks",
    "DELETE … RETURNING *",
  ])
    assert.ok(
      [...bad.matchAll(everything)].some(([, table]) => table === undefined || tables.has(table)),
      bad,
    );
});
