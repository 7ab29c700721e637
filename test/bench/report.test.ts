import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { type benchGroups, placeOf } from "../../bench/harness/groups.ts";
import { judged } from "../../bench/harness/row.ts";
import { markdown, merge, type Report } from "../../bench/report.ts";
import { tried, triedLines } from "../../bench/tried.ts";

const from = { at: "2026-01-02T03:04:05.000Z", load: "1 1 1", commit: "abc1234", machine: "two cores" };
const row = (group: (typeof benchGroups)[number], metric: string, met: boolean) =>
  judged({ group, metric, floor: null, target: "1", figure: "2", note: "" }, met);
const report = (rows: Report["rows"]): Report => ({ ...from, mode: "quick", rows });

test("a group that was not measured stays; one that no table makes any more goes", () => {
  const orphan = { ...row("Lists", "old", true), group: "Load profile" as "Lists" };
  const last = report(
    [orphan, row("Executions", "kept", true), row("API and data", "old", true)].map((one) => ({ ...one, ...from })),
  );
  const merged = merge(last, [row("API and data", "new", true)], { ...from, commit: "def5678" });
  assert.deepEqual(
    merged.map(({ group, metric, commit }) => [group, metric, commit]),
    [
      ["API and data", "new", "def5678"],
      ["Executions", "kept", "abc1234"],
    ],
  );
});

test("what was tried stands under the table of a row that misses, and of no other", () => {
  const met = markdown(report([{ ...row("Executions", "peak memory", true), ...from }]));
  assert.doesNotMatch(met, /Tried/);
  const missed = markdown(report([{ ...row("Executions", "peak memory", false), ...from }]));
  assert.match(
    missed,
    /✘ \| {2}\|\n\n- Tried for peak memory: .*\(\[0039\]\(decisions\/0039-a-small-young-generation\.md\)/,
  );
  assert.deepEqual(triedLines([row("Executions", "something new", false)]), [
    "- No attempt is written down for something new.",
  ]);
  // In another group the same name is another thing.
  assert.match(triedLines([row("Lists", "peak memory", false)])[0] ?? "", /^- No attempt/);
});

test("every decision that is named is there", () => {
  for (const { text, decisions } of tried) {
    for (const name of decisions) {
      assert.ok(existsSync(new URL(`../../docs/decisions/${name}.md`, import.meta.url)), `${text}: ${name}`);
    }
  }
});

test("the report in docs has groups that tables make, in their order", () => {
  const { rows } = JSON.parse(readFileSync(new URL("../../docs/performance.json", import.meta.url), "utf8")) as Report;
  const places = rows.map(({ group }) => placeOf(group));
  assert.ok(!places.includes(-1), rows[places.indexOf(-1)]?.group);
  assert.deepEqual(
    places,
    places.toSorted((one, other) => one - other),
  );
  const text = readFileSync(new URL("../../docs/performance.md", import.meta.url), "utf8");
  const headings = [...text.matchAll(/^## (.+)$/gm)].map((match) => match[1]);
  assert.deepEqual(headings, [...new Set(rows.map(({ group }) => group))]);
});
