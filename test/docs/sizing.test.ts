import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path: string) => readFileSync(new URL(`../../docs/${path}`, import.meta.url), "utf8");
const sizing = read("guide/sizing.md");
const { rows } = JSON.parse(read("performance.json")) as { rows: { metric: string; figure: string }[] };

/** Numbers of the first text that matches. */
function numbers(text: string, pattern: RegExp): number[] {
  const found = pattern.exec(text)?.slice(1);
  assert.ok(found, `${pattern} is not in ${text.slice(0, 200)}`);
  return found.map((number) => Number(number.replaceAll(",", "")));
}

function figure(metric: string, pattern: RegExp): number[] {
  const row = rows.find((each) => each.metric === metric);
  assert.ok(row, metric);
  return numbers(row.figure, pattern);
}

/** CPU differs by half between machines; bytes are the same on all of them. */
const within = { cpu: 1.5, bytes: 1.1 };

test("what one thing costs is what was measured last: CPU give or take a half, bytes a tenth", () => {
  const pairs: [what: string, said: number[], measured: number[], factor?: number][] = [
    [
      "a cached list, ms",
      numbers(sizing, /a list from the cache \| about ([\d.]+) ms/),
      figure("cacheable read, warm", /: ([\d.]+)(?: \+ [\d.]+ in PostgreSQL)? µs/).map((us) => us / 1_000),
    ],
    [
      "a list from PostgreSQL, ms",
      numbers(sizing, /from PostgreSQL \| about ([\d.]+) ms CPU in Node, ([\d.]+) ms in PostgreSQL/),
      figure("same page from PostgreSQL, uncached", /: ([\d.,]+) \+ ([\d.,]+) in PostgreSQL/).map((us) => us / 1_000),
    ],
    [
      "an execution, ms",
      numbers(sizing, /5 LLM calls \| about ([\d.]+) ms CPU in Node, ([\d.]+) ms in PostgreSQL/),
      figure("CPU per execution, Node + PostgreSQL", /([\d.]+) \+ ([\d.]+) ms/),
    ],
    [
      "an execution, KB",
      numbers(sizing, /([\d.]+) KB of database/),
      figure("database growth per execution", /([\d.]+) KB/),
      within.bytes,
    ],
  ];
  for (const [what, said, measured, factor = within.cpu] of pairs) {
    assert.equal(said.length, measured.length);
    for (const [index, one] of said.entries()) {
      const ratio = one / (measured[index] ?? 0);
      assert.ok(ratio > 1 / factor && ratio < factor, `${what}: the page says ${one}, measured was ${measured[index]}`);
    }
  }
});

test("the arithmetic of the four sizes is right", () => {
  const cells = (name: string) => {
    const line = sizing.split("\n").find((each) => each.startsWith(`| ${name}`));
    assert.ok(line, name);
    return line.split("|").slice(2, -1);
  };
  const number = (cell: string) => Number(/[\d.,]+(?![\d.,–])/.exec(cell.replace(/^.*–/, ""))?.[0].replaceAll(",", ""));
  /** "2 + 1 spare" is 3, and what shares a process with others adds none. */
  const sum = (cell: string) => [...cell.matchAll(/\d+/g)].reduce((total, [each]) => total + Number(each), 0);
  const users = cells("active users").map(number);
  assert.deepEqual(users, [10, 200, 5_000, 200_000]);
  const [kilobytes = 0] = numbers(sizing, /\((\d+) KB × users × 6\)/);
  assert.equal(kilobytes, numbers(sizing, /([\d.]+) KB of database/)[0]);
  const unit: Record<string, number> = { MB: 1e3, GB: 1e6 };
  const near = (said: number, right: number, what: string) =>
    // Rounded, or rounded up where it counts whole things.
    assert.ok(Math.abs(said / right - 1) <= 0.1 || said === Math.ceil(right), `${what}: ${said}, not ${right}`);
  for (const [index, user] of users.entries()) {
    near(number(cells("requests/s")[index] ?? ""), user / 5, "requests");
    near(number(cells("executions/s")[index] ?? ""), (user * 3) / 7_200, "executions");
    near(number(cells("executions running")[index] ?? ""), ((user * 3) / 7_200) * 120, "running");
    const apis = cells("API processes")[index] ?? "";
    // Half used: 500 requests a second or 2,500 streams each.
    near(number(apis), Math.ceil(Math.max(user / 5 / 500, user / 2_500)), `API processes of ${user}`);
    const workers = cells("worker processes")[index] ?? "";
    const running = ((user * 3) / 7_200) * 120;
    if (index > 0) near(number(workers), Math.ceil(running / 100), `workers of ${user}`);
    const pool = number(cells("pool of each process")[index] ?? "");
    const connections = (sum(apis) + sum(workers)) * (pool + 2) + 20;
    const said = cells("database connections")[index] ?? "";
    assert.equal(number(said), connections, `connections of ${user}`);
    const growth = cells("database growth a day")[index] ?? "";
    const other = /\(([\d,]+) with pools of (\d+)\)/.exec(said);
    if (other) {
      assert.equal(number(other[1] ?? ""), (sum(apis) + sum(workers)) * (Number(other[2]) + 2) + 20);
    }
    near(number(growth) * (unit[/[MG]B/.exec(growth)?.[0] ?? ""] ?? 0), kilobytes * user * 6, `growth of ${user}`);
  }
});
