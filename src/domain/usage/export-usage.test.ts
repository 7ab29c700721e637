import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { uuidv7 } from "#db";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { exportUsage } from "./export-usage.ts";
import { listUsage, readUsageSlice, summarizeUsage } from "./usage.queries.ts";
import { parseUsageRange } from "./usage-range.ts";

let database: TestDatabase;
const userId = uuidv7();

before(async () => {
  database = await createTestDatabase();
  const { pool } = database.db;
  await pool.query("INSERT INTO users (id, email, name, password_hash) VALUES ($1, 'a@example.org', 'A', '')", [
    userId,
  ]);
  for (const [model, cost] of [
    ["=HYPERLINK(1)", 5],
    ['a "quoted", model', null],
    ["priced", 7],
  ]) {
    await pool.query(
      `INSERT INTO llm_usage (id, user_id, provider, model, lane, outcome, cache_result, input_tokens, output_tokens, cost_nano_usd, at)
       VALUES ($1, $2, 'offline', $3, 'background', 'done', 'miss', 1, 2, $4, '2026-05-10T12:00:00Z')`,
      [uuidv7(), userId, model, cost],
    );
  }
});
after(() => database.drop());

const range = (from: string, to: string) => {
  const parsed = parseUsageRange({ from, to }, new Date());
  if (parsed.outcome !== "ok") throw new Error(JSON.stringify(parsed));
  return (parsed as { range: { from: Date; to: Date } }).range;
};

test("CSV quotes what must be quoted, defuses formulas and leaves unknown prices empty", async () => {
  const lines = (await Array.fromAsync(exportUsage(database.db, { userId }, range("2026-05-01", "2026-06-01"))))
    .join("")
    .split("\r\n");
  assert.equal(lines.length, 5);
  assert.match(lines[1] ?? "", /,priced,/);
  assert.match(lines[2] ?? "", /,"a ""quoted"", model",.*,false,,,/);
  assert.match(lines[3] ?? "", /,'=HYPERLINK\(1\),/);
});

test("pages go from the newest to the oldest; calls of one moment are neither left out nor told twice", async () => {
  const { pool } = database.db;
  const reader = uuidv7();
  await pool.query("INSERT INTO users (id, email, name, password_hash) VALUES ($1, 'p@example.org', 'P', '')", [
    reader,
  ]);
  // Ids are made when a call ends, times when it is written: the order of the one is not that of the other.
  const { rows } = await pool.query<{ id: string }>(
    `INSERT INTO llm_usage (id, user_id, provider, model, lane, outcome, cache_result, input_tokens, output_tokens, at)
     SELECT gen_random_uuid(), $1, 'offline', 'm', 'background', 'done', 'miss', 1, 2, timestamptz '2026-07-10' + interval '1 second' * (n / 4)
     FROM generate_series(0, 10) n RETURNING id`,
    [reader],
  );
  const listed: { id: string; at: string }[] = [];
  let cursor: string | null = null;
  do {
    const page = await listUsage(database.db, { userId: reader }, { limit: 3, ...(cursor === null ? {} : { cursor }) });
    listed.push(...page.data);
    cursor = page.nextCursor;
  } while (cursor !== null);
  assert.deepEqual(listed.map((entry) => entry.id).sort(), rows.map((row) => row.id).sort());
  const times = listed.map((entry) => entry.at);
  assert.deepEqual(times, [...times].sort().reverse());
  const july = range("2026-07-01", "2026-08-01");
  const before = listed[4]?.id ?? "";
  const slice = await readUsageSlice(database.db, { userId: reader }, july, before, 100);
  assert.deepEqual(
    slice.map((entry) => entry.id),
    listed.slice(5).map((entry) => entry.id),
    "the export goes on where its last slice ended",
  );
});

test("an unknown price is null, never 0; a range without calls costs nothing", async () => {
  const may = await summarizeUsage(database.db, { userId }, range("2026-05-01", "2026-06-01"), "model");
  assert.deepEqual([may.total.costNanoUsd, may.total.unpricedCalls, may.total.calls], [12, 1, 3]);
  const unknown = may.rows.find((row) => row.label.includes("quoted"));
  assert.equal(unknown?.costNanoUsd, null);
  const june = await summarizeUsage(database.db, { userId }, range("2026-06-01", "2026-07-01"), "day");
  assert.deepEqual([june.total.costNanoUsd, june.rows.length], [0, 0]);
});

test("ranges that make no sense are refused", () => {
  assert.equal(parseUsageRange({ from: "2026-02-01", to: "2026-01-01" }, new Date()).outcome, "validation_failed");
  assert.equal(parseUsageRange({ from: "2026-13-45" }, new Date()).outcome, "validation_failed");
});
