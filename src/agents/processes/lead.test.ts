import assert from "node:assert/strict";
import { test } from "node:test";
import type { ModelCall } from "#agents";
import { createMemoryRuntime, type MemoryRuntimeOptions } from "../../../test/support/agents/memory-runtime.ts";
import { planText, reply, scriptedSquad } from "../../../test/support/agents/scripted-squad.ts";
import { ExecutionStopped } from "../types.ts";
import { runLead } from "./lead.ts";

const lead = { name: "Lea", role: "editor", isLead: true };
const workers = [{ name: "Ada" }, { name: "Bob" }, { name: "Cy" }];
const reviewer = { name: "Remy", role: "reviewer" };
const three = [
  { key: "a", owner: "Ada" },
  { key: "b", owner: "Bob" },
  { key: "c", owner: "Cy" },
];

function squad(options: Partial<MemoryRuntimeOptions> & Pick<MemoryRuntimeOptions, "model">) {
  return createMemoryRuntime({ members: [lead, ...workers], ...options });
}

function promptOf(call: ModelCall | undefined): string {
  return call?.request.messages.find((message) => message.role === "user")?.content ?? "";
}

test("plan, three members, merge: exactly five calls", async () => {
  const runtime = squad({ model: scriptedSquad({ plan: three }) });
  const outcome = await runLead(runtime);
  assert.deepEqual(outcome, { outcome: "completed", resultMessageId: "message-summary-turn-1" });
  assert.equal(runtime.modelCalls.length, 5);
  assert.deepEqual(
    runtime.steps().map((step) => [step.key, step.status]),
    [
      ["plan", "completed"],
      ["work/a", "completed"],
      ["work/b", "completed"],
      ["work/c", "completed"],
      ["summary", "completed"],
    ],
  );
  const summary = promptOf(runtime.requests.at(-1));
  for (const key of ["work/a", "work/b", "work/c"]) assert.ok(summary.includes(`Result of ${key}`));
});

test("a step starts as soon as its own dependencies are done, not when all others are", async () => {
  const started: string[] = [];
  let releaseSlow = () => {};
  const slow = new Promise<void>((resolve) => {
    releaseSlow = resolve;
  });
  const plan = [
    { key: "slow", owner: "Ada" },
    { key: "quick", owner: "Bob" },
    { key: "after-quick", owner: "Cy", dependsOn: ["quick"] },
  ];
  const runtime = squad({
    model: scriptedSquad({
      plan,
      delay: async ({ step }) => {
        started.push(step.key);
        if (step.key === "work/slow") await slow;
        if (step.key === "work/after-quick") releaseSlow();
      },
    }),
  });
  assert.equal((await runLead(runtime)).outcome, "completed");
  assert.deepEqual(started, ["plan", "work/slow", "work/quick", "work/after-quick", "summary"]);
  const dependent = runtime.requests.find((call) => call.step.key === "work/after-quick");
  assert.ok(promptOf(dependent).includes("Result of work/quick"));
  assert.ok(!promptOf(dependent).includes("Result of work/slow"));
});

test("no more steps run at the same time than the squad allows", async () => {
  let running = 0;
  let most = 0;
  const runtime = squad({
    limits: { maxParallelSteps: 2 },
    model: scriptedSquad({
      plan: Array.from({ length: 7 }, (_, index) => ({ key: `s${index}`, owner: "Ada" })),
      delay: async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
      },
    }),
  });
  await runLead(runtime);
  assert.equal(most, 2);
});

const brokenPlans: [string, string, RegExp][] = [
  ["prose", "I would start with the database.", /not valid JSON/],
  ["no steps", '{"steps": []}', /steps/],
  ["unknown owner", planText([{ key: "a", owner: "Zoe" }]), /no owner "Zoe"; the owners are Ada, Bob, Cy/],
  [
    "circle",
    planText([
      { key: "a", owner: "Ada", dependsOn: ["b"] },
      { key: "b", owner: "Bob", dependsOn: ["a"] },
    ]),
    /wait for each other: a, b/,
  ],
  [
    "unknown dependency",
    planText([{ key: "a", owner: "Ada", dependsOn: ["x"] }]),
    /depends on "x", which is not a step/,
  ],
  [
    "same key twice",
    planText([
      { key: "a", owner: "Ada" },
      { key: "a", owner: "Bob" },
    ]),
    /"a" is used twice/,
  ],
  [
    "a field too many",
    '{"steps":[{"key":"a","title":"A","owner":"Ada","dependsOn":[],"doneCriterion":"","cost":1}]}',
    /steps\/0/,
  ],
];

for (const [name, text, expected] of brokenPlans) {
  test(`a plan that cannot be used (${name}) is repaired once, with the errors named`, async () => {
    let asked = "";
    const runtime = squad({
      model: async (call) => {
        if (call.step.kind !== "plan") return reply("done");
        if (call.key === "turn-1") return reply(text);
        asked = call.request.messages.at(-1)?.content ?? "";
        return reply(planText(three));
      },
    });
    assert.equal((await runLead(runtime)).outcome, "completed");
    assert.match(asked, expected);
    assert.deepEqual(runtime.modelCalls.slice(0, 2), ["plan: turn-1", "plan: repair-1"]);
  });

  test(`a plan that stays unusable (${name}) ends the execution and says why`, async () => {
    const runtime = squad({ model: async () => reply(text) });
    const outcome = await runLead(runtime);
    assert.equal(outcome.outcome, "failed");
    assert.ok(outcome.outcome === "failed" && outcome.reason === "plan_invalid");
    assert.match(outcome.detail, expected);
    assert.deepEqual(runtime.modelCalls, ["plan: turn-1", "plan: repair-1"]);
    assert.equal(runtime.steps()[0]?.status, "failed");
  });
}

test("a plan in a fenced block with talk round it is understood", async () => {
  const runtime = squad({
    model: async (call) =>
      reply(call.step.kind === "plan" ? `Here it is:\n\`\`\`json\n${planText(three)}\n\`\`\`\nGood luck!` : "done"),
  });
  assert.equal((await runLead(runtime)).outcome, "completed");
  assert.ok(!runtime.modelCalls.includes("plan: repair-1"));
});

test("the forms asked of providers keep to what their strict modes take", async () => {
  const runtime = squad({ members: [lead, ...workers, reviewer], model: scriptedSquad({ plan: three }) });
  await runLead(runtime);
  const forms = runtime.requests.flatMap(({ request }) =>
    request.responseFormat?.type === "json_schema" ? [request.responseFormat] : [],
  );
  assert.deepEqual(
    forms.map((form) => form.name),
    ["muster_plan", "muster_review"],
  );
  const walk = (schema: Record<string, unknown>): void => {
    const allowed = ["type", "properties", "required", "additionalProperties", "items", "enum"];
    for (const keyword of Object.keys(schema)) assert.ok(allowed.includes(keyword), keyword);
    if (schema.type === "object") {
      const properties = schema.properties as Record<string, Record<string, unknown>>;
      assert.deepEqual(schema.required, Object.keys(properties));
      assert.equal(schema.additionalProperties, false);
      for (const property of Object.values(properties)) walk(property);
    }
    if (schema.type === "array") walk(schema.items as Record<string, unknown>);
  };
  for (const form of forms) walk(form.schema);
});

test("a squad without a lead is refused before any call", async () => {
  const runtime = squad({ members: [{ isLead: false }], model: scriptedSquad({ plan: three }) });
  const outcome = await runLead(runtime);
  assert.ok(outcome.outcome === "failed" && outcome.reason === "squad_invalid");
  assert.equal(runtime.journal.length, 0);
});

test("with a reviewer, steps that others wait for are reviewed alone and the rest together", async () => {
  const plan = [
    { key: "base", owner: "Ada" },
    { key: "top", owner: "Bob", dependsOn: ["base"] },
    { key: "side", owner: "Cy" },
  ];
  const runtime = squad({ members: [lead, ...workers, reviewer], model: scriptedSquad({ plan }) });
  assert.equal((await runLead(runtime)).outcome, "completed");
  const reviews = runtime.steps().filter((step) => step.kind === "review");
  assert.deepEqual(
    reviews.map((step) => [step.key, step.dependsOn]),
    [
      ["review/base", ["work/base"]],
      ["review", ["work/top", "work/side"]],
    ],
  );
  assert.equal(runtime.modelCalls.length, 1 + 3 + 2 + 1);
  const calls = runtime.modelCalls;
  assert.ok(calls.indexOf("review/base: turn-1") < calls.indexOf("work/top: turn-1"));
});

test("without a reviewer the lead reviews what the plan marks", async () => {
  const plan = [
    { key: "a", owner: "Ada", review: true },
    { key: "b", owner: "Bob" },
  ];
  const runtime = squad({ model: scriptedSquad({ plan }) });
  await runLead(runtime);
  const review = runtime.steps().find((step) => step.kind === "review");
  assert.deepEqual([review?.dependsOn, review?.memberId], [["work/a"], "member-1"]);
});

test("work that is sent back is done again with the reasons, and the revision takes its place", async () => {
  const runtime = squad({
    members: [lead, ...workers, reviewer],
    model: scriptedSquad({ plan: three, judge: (key) => (key === "work/b" ? ["The figure is missing"] : []) }),
  });
  await runLead(runtime);
  const revision = runtime.requests.find((call) => call.step.key === "work/b/revision-1");
  assert.ok(promptOf(revision).includes("- The figure is missing"));
  assert.ok(promptOf(revision).includes("Result of work/b"));
  assert.equal(revision?.memberId, "member-3");
  const second = runtime.steps().find((step) => step.key === "review/round-2");
  assert.deepEqual(second?.dependsOn, ["work/b/revision-1"]);
  const summary = promptOf(runtime.requests.at(-1));
  assert.ok(summary.includes("Result of work/b/revision-1"));
  assert.ok(!summary.includes("Result of work/b\n"));
});

test("a step is sent back at most as often as the squad allows; the open reasons reach the summary", async () => {
  const runtime = squad({
    members: [lead, ...workers, reviewer],
    model: scriptedSquad({ plan: three.slice(0, 1), judge: () => ["Still wrong"] }),
  });
  assert.equal((await runLead(runtime)).outcome, "completed");
  assert.deepEqual(runtime.modelCalls, [
    "plan: turn-1",
    "work/a: turn-1",
    "review: turn-1",
    "work/a/revision-1: turn-1",
    "review/round-2: turn-1",
    "work/a/revision-2: turn-1",
    "summary: turn-1",
  ]);
  assert.match(promptOf(runtime.requests.at(-1)), /"Do a" was revised a last time and not checked again.*Still wrong/);
});

test("with no review rounds allowed there are no reviews", async () => {
  const plan = [{ key: "a", owner: "Ada", review: true }];
  const model = scriptedSquad({ plan });
  for (const members of [
    [lead, ...workers],
    [lead, ...workers, reviewer],
  ]) {
    const runtime = squad({ members, limits: { maxReviewRounds: 0 }, model });
    assert.equal((await runLead(runtime)).outcome, "completed");
    assert.ok(runtime.steps().every((step) => step.status === "completed" && step.kind !== "review"));
  }
});

test("a review that cannot be read does not stop the work, and the summary is told", async () => {
  const runtime = squad({
    members: [lead, ...workers, reviewer],
    model: async (call) => {
      if (call.step.kind === "plan") return reply(planText(three));
      return reply(call.step.kind === "review" ? "Looks fine to me!" : "done");
    },
  });
  assert.equal((await runLead(runtime)).outcome, "completed");
  assert.ok(runtime.modelCalls.includes("review: repair-1"));
  assert.match(promptOf(runtime.requests.at(-1)), /could not be read, so it was not checked/);
});

test("an empty answer fails the step and the execution, after what runs beside it has ended", async () => {
  const runtime = squad({
    model: async (call) => {
      if (call.step.kind === "plan") return reply(planText(three));
      await new Promise((resolve) => setImmediate(resolve));
      return reply(call.step.key === "work/a" ? "  " : "done");
    },
  });
  const outcome = await runLead(runtime);
  assert.ok(outcome.outcome === "failed" && outcome.reason === "step_failed");
  assert.match(outcome.detail, /"Do a" \(Ada\) failed: Ada \(scripted\) gave an empty answer/);
  assert.deepEqual(
    runtime.steps().map((step) => step.status),
    ["completed", "failed", "completed", "completed", "pending"],
  );
});

test("a fault of one call waits for the others, then passes through", async () => {
  const runtime = squad({
    model: async (call) => {
      if (call.step.kind === "plan") return reply(planText(three));
      if (call.step.key === "work/a") throw new Error("the provider is gone");
      await new Promise((resolve) => setImmediate(resolve));
      return reply("done");
    },
  });
  await assert.rejects(runLead(runtime), /the provider is gone/);
  assert.equal(runtime.steps().find((step) => step.key === "work/c")?.status, "completed");
});

test("with approval wanted, nothing is worked on before it is given", async () => {
  const options = { requireApproval: true, model: scriptedSquad({ plan: three }) };
  const asking = squad({ ...options, approve: null });
  await assert.rejects(runLead(asking), ExecutionStopped);
  assert.deepEqual(asking.modelCalls, ["plan: turn-1"]);
  assert.equal(asking.steps().length, 5);

  const approved = squad({ ...options, journal: asking.journal, approve: true });
  assert.equal((await runLead(approved)).outcome, "completed");
  assert.equal(approved.modelCalls.length, 4);

  const refused = await runLead(squad({ ...options, journal: asking.journal, approve: false }));
  assert.ok(refused.outcome === "failed" && refused.detail === "The plan was not approved.");
});

test("the plan leaves room for reviews and the summary within the execution's steps", async () => {
  const many = Array.from({ length: 5 }, (_, index) => ({ key: `s${index}`, owner: "Ada" }));
  const runtime = squad({ limits: { maxSteps: 6 }, model: scriptedSquad({ plan: many }) });
  const outcome = await runLead(runtime);
  assert.ok(outcome.outcome === "failed");
  assert.match(outcome.detail, /5 steps; at most 4 are allowed/);
});
