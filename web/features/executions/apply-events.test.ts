import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentMessage, Execution, ExecutionEvent, ExecutionEventBody } from "#contracts";
import { applyToExecution, applyToMessages, type LiveMessages, mergeMessages } from "./apply-events.ts";

const executionId = "01990000-0000-7000-8000-000000000000";
let seq = 0;
const event = (body: ExecutionEventBody): ExecutionEvent => {
  seq += 1;
  return { ...body, executionId, seq, at: "2026-11-23T10:00:00.000Z" };
};
const empty: LiveMessages = { messages: [], olderCursor: null, oldestId: null, lastSeq: 0, waitUntilMs: null };
const start = (messageId: string, stepId = "s1") =>
  event({ type: "message-start", messageId, stepId, memberId: "m1", model: "muster/offline" });
const delta = (messageId: string, text: string) => event({ type: "message-delta", messageId, text });
const stored = (id: string, content: string): AgentMessage => ({
  id,
  stepId: "s1",
  memberId: "m1",
  role: "assistant",
  status: "completed",
  model: "muster/offline",
  content,
  toolCalls: null,
  inputTokens: 1,
  outputTokens: 2,
  createdAt: "2026-11-23T10:00:00.000Z",
});

test("streamed text grows, each event counts once, and untouched messages keep their identity", () => {
  const events = [start("a"), delta("a", "Hel"), start("b"), delta("b", "x"), delta("a", "lo")];
  const live = applyToMessages(empty, events);
  assert.deepEqual(
    live.messages.map(({ id, content }) => [id, content]),
    [
      ["a", "Hello"],
      ["b", "x"],
    ],
  );
  assert.equal(applyToMessages(live, events).messages[0]?.content, "Hello");
  const later = applyToMessages(live, [delta("b", "y")]);
  assert.equal(later.messages[0], live.messages[0]);
  assert.equal(later.messages[1]?.content, "xy");
});

test("a message that was stored as ended takes no delta that was sent before", () => {
  const live: LiveMessages = { ...empty, lastSeq: seq, messages: mergeMessages([], [stored("a", "whole")]) };
  assert.equal(applyToMessages(live, [delta("a", "again")]).messages[0]?.content, "whole");
});

test("a reset clears what was shown, says why, and the text begins anew", () => {
  const live = applyToMessages(empty, [
    start("r"),
    delta("r", "half"),
    event({ type: "message-reset", messageId: "r", reason: "the connection broke" }),
    delta("r", "whole"),
  ]);
  assert.equal(live.messages[0]?.content, "whole");
  assert.equal(live.messages[0]?.resetReason, "the connection broke");
});

test("pages and streams merge into the order of ids without doubles, the ended text wins", () => {
  const streaming = applyToMessages(empty, [start("m3"), delta("m3", "par")]).messages;
  const merged = mergeMessages(streaming, [stored("m3", "partly no more"), stored("m1", "one"), stored("m2", "two")]);
  assert.deepEqual(
    merged.map(({ id, content }) => [id, content]),
    [
      ["m1", "one"],
      ["m2", "two"],
      ["m3", "partly no more"],
    ],
  );
  assert.equal(mergeMessages(merged, [stored("m1", "one")]), merged);
});

test("tool calls stand under the message of their step and get their outcome", () => {
  const live = applyToMessages(empty, [
    start("t1", "s1"),
    start("t2", "s2"),
    event({
      type: "tool-start",
      toolCallId: "c1",
      stepId: "s1",
      memberId: "m1",
      tool: "read_file",
      arguments: { path: "a.md" },
    }),
    event({ type: "tool-end", toolCallId: "c1", state: "unknown", summary: "interrupted" }),
  ]);
  assert.deepEqual(live.messages[0]?.tools, [
    { id: "c1", name: "read_file", arguments: '{"path":"a.md"}', state: "unknown", summary: "interrupted" },
  ]);
  assert.deepEqual(live.messages[1]?.tools, []);
});

test("the execution's steps, totals and open messages follow the events; old events change nothing", () => {
  const before = {
    lastSeq: 0,
    status: "queued",
    deferred: false,
    steps: [],
    streaming: [],
    budget: null,
    totals: {
      llmCalls: 0,
      toolCalls: 0,
      inputTokens: 0,
      outputTokens: 0,
      costNanoUsd: 0,
      costIncomplete: false,
      workedMs: 0,
    },
  } as unknown as Execution;
  const step = { stepId: "s1", key: "plan", kind: "plan" as const, title: "Plan", memberId: null, dependsOn: [] };
  const events = [
    event({ type: "execution-start", epoch: 1 }),
    event({ type: "step-planned", steps: [step] }),
    event({ type: "step-start", ...step, attempt: 1 }),
    start("open"),
    delta("open", "words"),
    event({
      type: "usage",
      llmCallId: "l",
      stepId: "s1",
      model: "m",
      inputTokens: 5,
      outputTokens: 7,
      costNanoUsd: null,
      totalCostNanoUsd: 9,
    }),
    event({ type: "step-end", stepId: "s1", key: "plan", status: "completed" }),
  ];
  const after = applyToExecution(before, events);
  assert.equal(after.status, "running");
  assert.deepEqual(
    after.steps.map(({ key, status }) => [key, status]),
    [["plan", "completed"]],
  );
  assert.equal(after.streaming[0]?.content, "words");
  assert.deepEqual([after.totals.inputTokens, after.totals.costNanoUsd, after.totals.costIncomplete], [5, 9, true]);
  assert.equal(applyToExecution(after, events), after);
  const ended = applyToExecution(after, [event({ type: "execution-end", status: "completed", endReason: "done" })]);
  assert.deepEqual([ended.status, ended.streaming.length, ended.allowedActions], ["completed", 0, []]);
});

test("a call's bill is added to its step and to the totals; an unknown price makes both a lower bound", () => {
  const totals = { llmCalls: 3, inputTokens: 0, outputTokens: 0, costNanoUsd: 900, costIncomplete: false };
  const step = (id: string) => ({ id, llmCalls: 1, costNanoUsd: 300, costIncomplete: false });
  const execution = { lastSeq: seq, steps: [step("s1"), step("s2")], totals, budget: null } as unknown as Execution;
  const bill = (costNanoUsd: number | null, totalCostNanoUsd: number) =>
    event({
      type: "usage",
      llmCallId: "c",
      stepId: "s2",
      model: "m",
      inputTokens: 1,
      outputTokens: 2,
      costNanoUsd,
      totalCostNanoUsd,
    });
  const later = applyToExecution(execution, [bill(50, 950), bill(null, 950)]);
  assert.deepEqual(later.steps[1], { id: "s2", llmCalls: 3, costNanoUsd: 350, costIncomplete: true });
  assert.equal(later.steps[0], execution.steps[0]);
  assert.deepEqual([later.totals.llmCalls, later.totals.costNanoUsd, later.totals.costIncomplete], [5, 950, true]);
});
