import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SquadProcess } from "#contracts";
import { createMemoryRuntime, Killed, type MemoryRuntimeOptions } from "../../../test/support/agents/memory-runtime.ts";
import { type ScriptedStep, scriptedSquad } from "../../../test/support/agents/scripted-squad.ts";
import { runProcess } from "./run-process.ts";

const names = ["Ada", "Bob", "Cy"];

/** Plans whose steps depend on earlier ones only, so that they have no circle. */
const plans = fc
  .array(fc.record({ owner: fc.constantFrom(...names), bits: fc.nat(), review: fc.boolean() }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((steps): ScriptedStep[] =>
    steps.map(({ owner, bits, review }, index) => ({
      key: `s${index}`,
      owner,
      review,
      dependsOn: steps.slice(0, index).flatMap((_, before) => ((bits >> before) & 1 ? [`s${before}`] : [])),
    })),
  );

interface Scenario {
  process: SquadProcess;
  plan: ScriptedStep[];
  withReviewer: boolean;
  /** Bit n: the n-th judgement in the order of step keys sends back. */
  strictness: number;
  maxParallelSteps: number;
}

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  process: fc.constantFrom("lead", "lead", "sequential", "parallel"),
  plan: plans,
  withReviewer: fc.boolean(),
  strictness: fc.nat(),
  maxParallelSteps: fc.integer({ min: 1, max: 4 }),
});

function optionsOf(scenario: Scenario): MemoryRuntimeOptions {
  const judge = (key: string) => {
    const number = [...key].reduce((sum, character) => sum + character.charCodeAt(0), 0);
    return (scenario.strictness >> (number % 8)) & 1 ? [`${key} is not good enough`] : [];
  };
  return {
    process: scenario.process,
    members: [
      { name: "Lea", isLead: true },
      ...names.map((name) => ({ name })),
      ...(scenario.withReviewer ? [{ name: "Remy", role: "reviewer" }] : []),
    ],
    limits: { maxParallelSteps: scenario.maxParallelSteps, maxSteps: 100 },
    model: scriptedSquad({ plan: scenario.plan, judge }),
  };
}

async function runToDeath(options: MemoryRuntimeOptions) {
  const runtime = createMemoryRuntime(options);
  try {
    return { runtime, outcome: await runProcess(runtime) };
  } catch (error) {
    if (error instanceof Killed) return { runtime, outcome: null };
    throw error;
  }
}

test("killed at any entry of the journal and run again, an execution takes the same steps, calls and texts", async () => {
  await fc.assert(
    fc.asyncProperty(scenarios, fc.double({ min: 0, max: 1, noNaN: true }), async (scenario, where) => {
      const options = optionsOf(scenario);
      const whole = await runToDeath(options);
      assert.equal(whole.outcome?.outcome, "completed");
      const dieAfter = Math.floor(where * (whole.runtime.journal.length - 1));
      const first = await runToDeath({ ...options, dieAfter });
      assert.equal(first.outcome, null);
      assert.equal(first.runtime.journal.length, dieAfter);
      const second = await runToDeath({ ...options, journal: first.runtime.journal });
      assert.deepEqual(second.outcome, whole.outcome);

      const finished = first.runtime.journal.flatMap((entry) =>
        entry.type === "model" ? [`${entry.step}: ${entry.key}`] : [],
      );
      const repeated = second.runtime.modelCalls.filter((call) => finished.includes(call));
      assert.deepEqual(repeated, [], "a call on record was made again");
      assert.deepEqual([...finished, ...second.runtime.modelCalls].sort(), [...whole.runtime.modelCalls].sort());

      const stepsOf = (runtime: typeof whole.runtime) =>
        runtime
          .steps()
          .map(({ key, status, output, dependsOn }) => ({ key, status, output, dependsOn }))
          .sort((a, b) => (a.key < b.key ? -1 : 1));
      assert.deepEqual(stepsOf(second.runtime), stepsOf(whole.runtime));

      const promptsOf = (runtime: typeof whole.runtime) =>
        new Map(runtime.requests.map((call) => [`${call.step.key}: ${call.key}`, JSON.stringify(call.request)]));
      const prompts = promptsOf(whole.runtime);
      for (const [key, request] of promptsOf(second.runtime))
        assert.equal(request, prompts.get(key), `the prompt of ${key}`);
    }),
    { numRuns: 150 },
  );
});

test("killed again and again after every entry, an execution still ends, and each call was made once", async () => {
  const scenario: Scenario = {
    process: "lead",
    plan: [
      { key: "a", owner: "Ada" },
      { key: "b", owner: "Bob", dependsOn: ["a"] },
      { key: "c", owner: "Cy" },
    ],
    withReviewer: true,
    strictness: 0b10101010,
    maxParallelSteps: 1,
  };
  const whole = await runToDeath(optionsOf(scenario));
  let journal = createMemoryRuntime(optionsOf(scenario)).journal;
  const calls: string[] = [];
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const run = await runToDeath({ ...optionsOf(scenario), journal, dieAfter: journal.length + 1 });
    journal = run.runtime.journal;
    calls.push(...run.runtime.modelCalls);
    if (run.outcome !== null) {
      assert.deepEqual(run.outcome, whole.outcome);
      assert.deepEqual(new Set(calls), new Set(whole.runtime.modelCalls));
      return;
    }
  }
  assert.fail("it did not end");
});
