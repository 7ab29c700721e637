import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../../test/support/database.ts";
import { namedQuery } from "./named-query.ts";

test("two processes call the same statement the same, in whichever order they come to it", async () => {
  const { db, drop } = await createTestDatabase();
  try {
    const texts = [
      "SELECT 1 AS one FROM llm_usage LIMIT 1",
      "SELECT muster_sweep_deferred()",
      "SELECT 2 AS two FROM llm_usage LIMIT 1",
      "SELECT 3",
    ];
    const namesOf = async (order: string[]) => {
      const names = new Map<string, string>();
      const query = namedQuery({
        query: (name, text, values) => {
          names.set(text, name);
          return db.query(name, text, values);
        },
      });
      for (const text of order) await query(text, []);
      return texts.map((text) => names.get(text) ?? "");
    };
    const names = await namesOf(texts);
    assert.deepEqual(await namesOf(texts.toReversed()), names);
    assert.equal(new Set(names).size, texts.length);
    const forms = [/^llm_usage_[0-9a-f]{6}$/, /^llm_muster_sweep_deferred_[0-9a-f]{6}$/, /^llm_usage_/, /^llm_store_/];
    for (const [place, form] of forms.entries()) assert.match(names[place] ?? "", form);
  } finally {
    await drop();
  }
});
