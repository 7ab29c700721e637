import assert from "node:assert/strict";
import { test } from "node:test";
import { readStructuredAnswer } from "./structured-answer.ts";

const plan = JSON.stringify({
  steps: [
    { key: "a", title: "Read {all}", owner: "Rosa", dependsOn: [] },
    { key: "b", title: 'Write "it"', owner: "Edda", dependsOn: ["a"] },
  ],
});

test("a plan is read out of its JSON, bare or in a fence; other text is left as it is", () => {
  const answer = readStructuredAnswer(plan);
  assert.ok(answer?.kind === "plan");
  assert.deepEqual(answer.steps[1], { title: 'Write "it"', owner: "Edda", after: ["a"] });
  assert.deepEqual(readStructuredAnswer(`\`\`\`json\n${plan}\n\`\`\``), answer);
  for (const text of ["Hello", '{"a": 1}', "{", '{"steps": []}', plan.slice(0, -4)])
    assert.equal(readStructuredAnswer(text), null, text);
});

test("of a plan that is being written, the steps that are whole are read, wherever the text breaks off", () => {
  const lengths = Array.from({ length: plan.length + 1 }, (_, length) => {
    const answer = readStructuredAnswer(plan.slice(0, length), true);
    return answer?.kind === "plan" ? answer.steps.length : null;
  });
  const known = lengths.slice(lengths.indexOf(0));
  assert.ok(!known.includes(null), "once begun it is never shown as JSON again");
  assert.deepEqual([...known].sort(), known, "steps only come");
  assert.deepEqual([...new Set(known)], [0, 1, 2]);
  assert.equal(lengths.indexOf(0), '{"steps"'.length);
  assert.equal(readStructuredAnswer('{"other": [', true), null);
  assert.equal(
    readStructuredAnswer('```json\n{"verdicts":[{"step":"a","verdict":"accept"},{"st', true)?.kind,
    "review",
  );
});
