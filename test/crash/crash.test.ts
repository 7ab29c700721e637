import assert from "node:assert/strict";
import { availableParallelism, loadavg } from "node:os";
import { describe, it } from "node:test";
import { scenarios } from "./scenarios/index.ts";

/** Another seed each day: over time `npm test` sees many, and within a day a failure stays. */
const seed = Number(process.env.CRASH_SEED ?? Math.floor(Date.now() / 86_400_000));

/** Violations that are a matter of time alone. */
const timing = /not within \d+ ms|was not ready after|went on \d+ ms after|closed after \d+ ms|back after/;

/** Those that take longest begin first: one of them begun last would run on alone. */
const longest = ["failure-points", "kill-workers", "kill-api", "postgres-restarts", "budgets", "lost-answers"];
const rank = (name: string): number => (longest.includes(name) ? longest.indexOf(name) : longest.length);
const short = scenarios.filter((one) => one.shortRounds > 0).sort((one, other) => rank(one.name) - rank(other.name));

// Most of them wait (for leases, for streams), so several share the machine.
describe("whatever is killed, nothing is lost", { concurrency: 5 }, () => {
  for (const scenario of short) {
    for (let round = 0; round < scenario.shortRounds; round += 1) {
      it(`${scenario.title}: ${scenario.allowed} (seed ${seed + round})`, async (context) => {
        const { violations } = await scenario.round(seed + round, "short");
        const load = loadavg()[0] ?? 0;
        if (violations.length > 0 && violations.every((one) => timing.test(one)) && load > 2 * availableParallelism()) {
          // Nothing was lost or doubled, it only took longer than it may: on a machine this busy that says nothing.
          context.skip(`load average ${load.toFixed(1)}: ${violations.join("; ")}`);
          return;
        }
        const replay = `npm run test:crash -- --scenario ${scenario.name} --seed ${seed + round} --short`;
        assert.equal(violations.length, 0, `${violations.join("\n")}\nreplay: ${replay}`);
      });
    }
  }
});
