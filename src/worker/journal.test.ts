import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Database, uuidv7 } from "#db";
import { listNotifications } from "#domain";
import { EventPacker, type UnpackedEvent } from "#events";
import { claimOrphans, claimQueued } from "#queue";
import { createTestDatabase, type TestDatabase } from "../../test/support/database.ts";
import { insertBudget, insertExecution, insertTask, type TestTask } from "../../test/support/executions.ts";
import type { CommitResult, EndCall, JournalBatch } from "./journal-batch.ts";
import { storableText } from "./journal-batch.ts";
import { createJournalWriter } from "./journal-writer.ts";

const usd = 1_000_000_000;

describe("the journal", () => {
  let test: TestDatabase;
  let db: Database;
  let task: TestTask;

  before(async () => {
    test = await createTestDatabase();
    db = test.db;
    task = await insertTask(db);
  });
  after(() => test.drop());

  async function commit(batch: JournalBatch): Promise<CommitResult> {
    return createJournalWriter(db).commit(batch);
  }

  async function claimed(budgetNanoUsd?: number): Promise<{ id: string; epoch: number }> {
    const id = await insertExecution(db, task, budgetNanoUsd);
    const claims = await claimQueued(db, uuidv7(), 100);
    const mine = claims.find((claim) => claim.id === id);
    assert.ok(mine, "the queued execution is claimed");
    return { id, epoch: mine.epoch };
  }

  async function seqs(id: string): Promise<number[]> {
    const { rows } = await db.query<{ seq: number }>(
      "t_seqs",
      "SELECT seq FROM execution_events WHERE execution_id = $1 ORDER BY seq",
      [id],
    );
    return rows.map((row) => row.seq);
  }

  async function budgetRow(id: string): Promise<{ spent: number; reserved: number }> {
    const { rows } = await db.query<{ spent: number; reserved: number }>(
      "t_budget_row",
      "SELECT spent_nano_usd AS spent, reserved_nano_usd AS reserved FROM budgets WHERE id = $1 OR scope_id = $1",
      [id],
    );
    return rows[0] as { spent: number; reserved: number };
  }

  it("numbers events without a gap and applies a batch whose answer was lost once", async () => {
    const { id, epoch } = await claimed();
    const events = [{ type: "execution-start" as const, data: { epoch } }];
    const first = await commit({ executionId: id, epoch, commitNo: 1, packed: pack([...events, ...events]) });
    const again = await commit({ executionId: id, epoch, commitNo: 1, packed: pack([...events, ...events]) });
    const second = await commit({ executionId: id, epoch, commitNo: 2, packed: pack(events) });
    assert.equal(first.outcome === "ok" && first.lastSeq, 2);
    assert.equal(again.outcome === "ok" && again.repeated, true);
    assert.equal(second.outcome === "ok" && second.lastSeq, 3);
    assert.deepEqual(await seqs(id), [1, 2, 3]);
  });

  it("lets a worker whose lease was taken over write nothing", async () => {
    const { id, epoch } = await claimed();
    const [taken] = (await claimOrphans(db, uuidv7(), 100, [])).filter((claim) => claim.id === id);
    assert.equal(taken?.epoch, epoch + 1);
    const late = await commit({
      executionId: id,
      epoch,
      commitNo: 1,
      packed: pack([{ type: "execution-start", data: {} }]),
    });
    assert.equal(late.outcome, "fenced");
    assert.deepEqual(await seqs(id), []);
  });

  it("answers a lost begin with what was granted", async () => {
    const { id, epoch } = await claimed();
    const begin = [beginCall({ packed: pack([{ type: "message-start", data: {} }]) })];
    const first = await commit({ executionId: id, epoch, commitNo: 1, begin });
    const again = await commit({ executionId: id, epoch, commitNo: 1, begin });
    assert.ok(first.outcome === "ok" && again.outcome === "ok");
    assert.deepEqual(again.begin, first.begin);
    assert.deepEqual(await seqs(id), [1]);
  });

  it("shrinks the output to what the budget allows, refuses below the floor, and settles to the token", async () => {
    const { id, epoch } = await claimed(1_000);
    const first = beginCall({
      inputCostNanoUsd: 100,
      outputNanoUsdPerToken: 10,
      maxOutputTokens: 1_000,
      minOutputTokens: 16,
    });
    const granted = await commit({ executionId: id, epoch, commitNo: 1, begin: [first] });
    assert.ok(granted.outcome === "ok");
    assert.deepEqual(granted.begin[0], { id: first.id, outcome: "granted", maxOutputTokens: 90, reserved: 1_000 });
    const refused = await commit({
      executionId: id,
      epoch,
      commitNo: 2,
      begin: [beginCall({ inputCostNanoUsd: 1, outputNanoUsdPerToken: 10 })],
    });
    assert.equal(refused.outcome === "ok" && refused.begin[0]?.outcome, "budget_exceeded");
    const end = endCall(first, { costNanoUsd: 420, reserved: true });
    await commit({ executionId: id, epoch, commitNo: 3, ends: [end] });
    await commit({ executionId: id, epoch, commitNo: 3, ends: [end] });
    assert.deepEqual(await budgetRow(id), { spent: 420, reserved: 0 });
    const { rows } = await db.query<{ cost: number; calls: number; usage: number }>(
      "t_totals",
      `SELECT cost_nano_usd AS cost, llm_calls AS calls, (SELECT count(*)::int FROM llm_usage WHERE execution_id = $1) AS usage
       FROM task_executions WHERE id = $1`,
      [id],
    );
    assert.deepEqual(rows[0], { cost: 420, calls: 1, usage: 1 });
  });

  it("refuses a call of unknown price where a budget is set", async () => {
    const { id, epoch } = await claimed(usd);
    const result = await commit({
      executionId: id,
      epoch,
      commitNo: 1,
      begin: [beginCall({ inputCostNanoUsd: null, outputNanoUsdPerToken: null })],
    });
    assert.equal(result.outcome === "ok" && result.begin[0]?.outcome, "price_unknown");
  });

  it("warns once when a budget passes 80 %", async () => {
    const { id, epoch } = await claimed(1_000);
    const call = beginCall({ inputCostNanoUsd: 100, outputNanoUsdPerToken: 1, maxOutputTokens: 100 });
    await commit({ executionId: id, epoch, commitNo: 1, begin: [call] });
    const result = await commit({
      executionId: id,
      epoch,
      commitNo: 2,
      ends: [endCall(call, { costNanoUsd: 850, reserved: true })],
    });
    assert.ok(result.outcome === "ok");
    assert.deepEqual(
      result.extra.map((event) => event.type),
      ["budget-warning"],
    );
  });

  it("never lets 500 concurrent calls of many executions exceed a squad's budget", async () => {
    const own = await insertTask(db);
    const limit = 100_000;
    const squadBudget = await insertBudget(db, own.userId, "squad", own.squadId, limit);
    const instanceBudget = await insertBudget(db, own.userId, "instance", own.userId, limit * 2);
    const ids = await Promise.all(Array.from({ length: 50 }, () => insertExecution(db, own)));
    const claims = await claimQueued(db, uuidv7(), 500);
    const writer = createJournalWriter(db);
    let granted = 0;
    await Promise.all(
      ids.map(async (id) => {
        const epoch = claims.find((claim) => claim.id === id)?.epoch ?? 0;
        for (let n = 0; n < 10; n += 1) {
          const call = beginCall({
            inputCostNanoUsd: 200,
            outputNanoUsdPerToken: 10,
            maxOutputTokens: 100,
            minOutputTokens: 100,
          });
          const result = await writer.commit({ executionId: id, epoch, commitNo: 2 * n + 1, begin: [call] });
          assert.ok(result.outcome === "ok");
          if (result.begin[0]?.outcome !== "granted") continue;
          granted += 1;
          const ended = await writer.commit({
            executionId: id,
            epoch,
            commitNo: 2 * n + 2,
            ends: [endCall(call, { costNanoUsd: 1_000, reserved: true })],
          });
          assert.equal(ended.outcome, "ok");
        }
      }),
    );
    const squad = await budgetRow(squadBudget);
    assert.equal(squad.spent, granted * 1_000);
    assert.ok(squad.spent <= limit && squad.spent > limit - 1_200);
    assert.equal(squad.reserved, 0);
    assert.deepEqual(await budgetRow(instanceBudget), { spent: granted * 1_000, reserved: 0 });
  });

  it("commits the neighbours of a batch that the database refuses", async () => {
    const good = await claimed();
    const bad = await claimed();
    const writer = createJournalWriter(db);
    const results = await Promise.allSettled([
      writer.commit({ executionId: good.id, epoch: good.epoch, commitNo: 1 }),
      writer.commit({
        executionId: bad.id,
        epoch: bad.epoch,
        commitNo: 1,
        packed: pack([{ type: "execution-start", data: {} }]),
        ids: "{nonsense}",
      }),
      writer.commit({
        executionId: good.id,
        epoch: good.epoch,
        commitNo: 2,
        packed: pack([{ type: "execution-start", data: {} }]),
      }),
    ]);
    assert.deepEqual(
      results.map((result) => result.status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.deepEqual(await seqs(good.id), [1]);
  });

  it("applies several batches of one execution in one commit one after the other", async () => {
    const { id, epoch } = await claimed();
    const packed = pack([{ type: "execution-resume", data: { by: "recovery" } }]);
    const docs = [2, 1, 3].map((commitNo) => ({
      executionId: id,
      epoch: commitNo === 2 ? epoch - 1 : epoch,
      commitNo,
      packed,
    }));
    const { rows } = await db.query<{ muster_commit: CommitResult }>("t_group", "SELECT muster_commit($1::jsonb)", [
      JSON.stringify(docs),
    ]);
    assert.deepEqual(
      rows.map((row) => row.muster_commit.outcome),
      ["fenced", "ok", "ok"],
    );
    assert.deepEqual(await seqs(id), [1, 2]);
  });

  it("writes a step once when it begins in the batch that plans it, and again when it begins later", async () => {
    const { id, epoch } = await claimed();
    const ids = [uuidv7(), uuidv7()];
    const steps = ids.map((stepId, ordinal) => ({
      id: stepId,
      key: `step-${ordinal}`,
      kind: "work" as const,
      ordinal,
      title: "T",
      memberId: null,
      dependsOn: [],
      doneCriterion: "",
    }));
    const read = async () =>
      (
        await db.query<{ status: string; attempt: number; started: boolean }>(
          "t_steps",
          "SELECT status, attempt, started_at IS NOT NULL AS started FROM execution_steps WHERE execution_id = $1 ORDER BY ordinal",
          [id],
        )
      ).rows;
    const running = { status: "running", attempt: 1, started: true };
    await commit({ executionId: id, epoch, commitNo: 1, steps, stepStarts: ids.slice(0, 1) });
    assert.deepEqual(await read(), [running, { status: "pending", attempt: 0, started: false }]);
    await commit({ executionId: id, epoch, commitNo: 2, steps, stepStarts: ids.slice(1) });
    assert.deepEqual(await read(), [running, running]);
  });

  it("keeps text that PostgreSQL's JSON refuses", () => {
    assert.equal(storableText("a\u0000b\ud800c"), "a\ufffdb\ufffdc");
  });

  it("closes once, with the task's status and a notification", async () => {
    const { id, epoch } = await claimed();
    const close = {
      status: "completed" as const,
      endReason: "done" as const,
      error: null,
      resultMessageId: null,
      packed: pack([{ type: "execution-end", data: { status: "completed" } }]),
      notification: { id: uuidv7(), kind: "execution_completed" as const, title: "Done", body: "" },
    };
    assert.equal((await commit({ executionId: id, epoch, commitNo: 1, close })).outcome, "ok");
    assert.equal((await commit({ executionId: id, epoch, commitNo: 2, close })).outcome, "fenced");
    const { rows } = await db.query<{ status: string; task: string; notifications: number }>(
      "t_closed",
      `SELECT e.status, t.status AS task, (SELECT count(*)::int FROM notifications n WHERE n.execution_id = e.id) AS notifications
       FROM task_executions e JOIN tasks t ON t.id = e.task_id WHERE e.id = $1`,
      [id],
    );
    assert.deepEqual(rows[0], { status: "completed", task: "completed", notifications: 1 });
  });

  it("lists a warning of the budget below what came after it", async () => {
    const own = await insertTask(db);
    const first = beginCall({ inputCostNanoUsd: 0, outputNanoUsdPerToken: 10 });
    const expected: string[] = [];
    for (let nth = 0; nth < 4; nth++) {
      const id = await insertExecution(db, own, 1_000);
      const { epoch = 0 } = (await claimQueued(db, uuidv7(), 100)).find((claim) => claim.id === id) ?? {};
      const begin = { ...first, id: uuidv7(), messageId: uuidv7() };
      await commit({ executionId: id, epoch, commitNo: 1, begin: [begin] });
      const ended = await commit({
        executionId: id,
        epoch,
        commitNo: 2,
        ends: [endCall(begin, { costNanoUsd: 900, reserved: true })],
      });
      assert.equal(ended.outcome === "ok" && ended.extra[0]?.type, "budget-warning");
      // Ids of one millisecond have no order.
      await delay(2);
      const notification = { id: uuidv7(), kind: "execution_completed" as const, title: "Done", body: "" };
      const close = { status: "completed" as const, endReason: "done" as const, error: null, resultMessageId: null };
      await commit({ executionId: id, epoch, commitNo: 3, close: { ...close, packed: pack([]), notification } });
      await delay(2);
      expected.unshift("execution_completed", "budget_warning");
    }
    const { data } = await listNotifications(db, { userId: own.userId }, {});
    assert.deepEqual(
      data.map(({ kind }) => kind),
      expected,
    );
  });
});

const pack = (events: UnpackedEvent[]) => new EventPacker().pack(events);

type PackedBegin = NonNullable<JournalBatch["begin"]>[number];

function beginCall(changes: Partial<PackedBegin>): PackedBegin {
  return {
    id: uuidv7(),
    stepId: uuidv7(),
    key: "turn-1",
    messageId: uuidv7(),
    provider: "openai",
    model: "m",
    attempt: 1,
    inputTokens: 10,
    maxOutputTokens: 100,
    minOutputTokens: 1,
    inputCostNanoUsd: 0,
    outputNanoUsdPerToken: 0,
    spentNanoUsd: 0,
    spentInAllNanoUsd: 0,
    packed: pack([]),
    ...changes,
  };
}

function endCall(begin: PackedBegin, changes: Partial<EndCall>): EndCall {
  return {
    id: begin.id,
    stepId: begin.stepId,
    key: begin.key,
    memberId: null,
    messageId: begin.messageId,
    state: "done",
    provider: begin.provider,
    model: begin.model,
    accountId: null,
    cacheResult: "miss",
    response: { toolCalls: [], finishReason: "stop" },
    error: null,
    trimmed: null,
    attempts: 1,
    latencyMs: 5,
    timeToFirstTokenMs: 1,
    rateWaitMs: 0,
    inputTokens: 10,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 20,
    reasoningTokens: 0,
    estimated: false,
    costNanoUsd: 0,
    savedNanoUsd: null,
    reserved: false,
    usageId: uuidv7(),
    settleNanoUsd: changes.costNanoUsd ?? 0,
    ...changes,
  };
}
