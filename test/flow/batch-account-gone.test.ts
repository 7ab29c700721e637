import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { acceptExecution, cancelExecution, readExecution } from "#domain";
import type { EconomyLaneOptions, Query } from "#llm";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertBudget, insertTask } from "../support/executions.ts";
import { until } from "../support/llm/deferred-fixture.ts";
import { economyGateway } from "../support/llm/economy-fixture.ts";
import { testAccount } from "../support/llm/gateway-fixture.ts";
import { startOpenAiServer, type WireServer } from "../support/llm/index.ts";
import { startTestWorker } from "../support/worker.ts";

// A deferred execution whose provider account is deleted while its batch runs: what the provider charges for the batch all
// the same is within the budgets of every level.

let database: TestDatabase;
let query: Query;

before(async () => {
  database = await createTestDatabase();
  query = ((text: string, params: unknown[]) => database.db.pool.query(text, params)) as Query;
});
after(() => database.drop());

const limitNanoUsd = 1_000_000_000;

/** An execution with a budget on every level, its one call in a batch that the provider works. */
async function executionInBatch(server: WireServer, pollMs: number) {
  const { db, url } = database;
  const task = await insertTask(db, { model: "gpt-4o-mini", members: 1, process: "sequential" });
  const scope = { userId: task.userId };
  const accounts = [testAccount("openai", server.url, { id: `account of ${task.userId}` })];
  const accepted = await acceptExecution(db, scope, { taskId: task.taskId, lane: "economy" });
  assert.ok(accepted.outcome === "accepted");
  const { id } = accepted.execution;
  const scopes = { execution: id, squad: task.squadId, instance: task.userId };
  for (const level of ["execution", "squad", "instance"] as const) {
    await query("DELETE FROM budgets WHERE level = $1 AND scope_id = $2", [level, scopes[level]]);
    await insertBudget(db, task.userId, level, scopes[level], limitNanoUsd);
  }
  const startProcess = async (options: Partial<EconomyLaneOptions>) => {
    const { gateway, lane } = economyGateway(query, accounts, options);
    const running = await startTestWorker({ db, url, gateway: gateway.handler });
    running.worker.wake();
    return {
      lane,
      worker: running.worker,
      async stop() {
        await gateway.close();
        await running.stop();
      },
    };
  };
  const first = await startProcess({ size: 1, pollMs });
  await until(
    () => query("SELECT 1 FROM llm_batches WHERE user_id = $1 AND state = 'running'", [task.userId]),
    ({ rowCount }) => rowCount === 1,
  );
  const { rows } = await query<{ most: number }>(
    "SELECT most_nano_usd::float8 AS most FROM llm_economy_calls WHERE user_id = $1",
    [task.userId],
  );
  return {
    most: rows[0]?.most as number,
    first,
    startProcess,
    deleteAccount: () => accounts.splice(0),
    cancel: () => cancelExecution(db, scope, id),
    untilIt: (status: string) =>
      until(
        async () => (await readExecution(db, scope, id))?.status,
        (now) => now === status,
      ),
    async budgets() {
      const found = await query<{ level: string; spent: number; reserved: number }>(
        `SELECT level, spent_nano_usd::float8 AS spent, reserved_nano_usd::float8 AS reserved FROM budgets
         WHERE user_id = $1 ORDER BY level`,
        [task.userId],
      );
      return found.rows;
    },
    /** What the execution is shown to have cost, and the sum of its rows on the bill. */
    async totals() {
      const sums = await query<{ costNanoUsd: number; inputTokens: number; outputTokens: number }>(
        `SELECT sum(cost_nano_usd)::float8 AS "costNanoUsd", sum(input_tokens)::float8 AS "inputTokens",
           sum(output_tokens)::float8 AS "outputTokens" FROM llm_usage WHERE execution_id = $1`,
        [id],
      );
      const { costNanoUsd, inputTokens, outputTokens } = (await readExecution(db, scope, id))?.totals ?? {};
      return { shown: { costNanoUsd, inputTokens, outputTokens }, billed: sums.rows[0] };
    },
    async bill() {
      const found = await query<{ outcome: string; cost: number; estimated: boolean }>(
        "SELECT outcome, cost_nano_usd::float8 AS cost, estimated FROM llm_usage WHERE user_id = $1",
        [task.userId],
      );
      return found.rows;
    },
  };
}

/** Lets the provider finish its batch; what it charges, at the batch's price. */
async function chargeOf(server: WireServer): Promise<number> {
  await (await fetch(`${server.url}/batches/batch_1/cancel`, { method: "POST" })).text();
  const [line] = server.ledger;
  assert.ok(line, "the provider did the work");
  return (line.inputTokens * 150 + line.outputTokens * 600) / 2;
}

for (const when of ["while its call waits", "after its worker died", "after it was cancelled"] as const) {
  test(`deleted ${when}: all that the batch can cost is spent on every level, and on the bill as lost`, {
    timeout: 120_000,
  }, async () => {
    const server = await startOpenAiServer({ batchesNeverEnd: true, batchDoneWhenCancelled: true });
    // The one that waits asks after its batch; the others are not to hear of it before the account is gone.
    const execution = await executionInBatch(server, when === "while its call waits" ? 10 : 600_000);
    const { first, most } = execution;
    let last = first;
    if (when === "while its call waits") {
      execution.deleteAccount();
      await execution.untilIt("failed");
    } else {
      if (when === "after its worker died") first.worker.abandon();
      else {
        await execution.cancel();
        first.worker.wake();
        await execution.untilIt("cancelled");
      }
      await first.stop();
      execution.deleteAccount();
      last = await execution.startProcess({});
      last.lane.start();
      if (when === "after its worker died") await execution.untilIt("failed");
    }
    const settled = ["execution", "instance", "squad"].map((level) => ({ level, spent: most, reserved: 0 }));
    const budgets = await until(execution.budgets, (now) =>
      now.every(({ spent, reserved }) => spent > 0 && reserved === 0),
    );
    assert.deepEqual(budgets, settled);
    assert.deepEqual(await execution.bill(), [{ outcome: "lost", cost: most, estimated: true }]);
    const { shown, billed } = await execution.totals();
    assert.equal(shown.costNanoUsd, most);
    assert.deepEqual(shown, billed);
    const charge = await chargeOf(server);
    assert.ok(charge > 0 && charge <= most && most <= limitNanoUsd);
    await last.stop();
    await server.close();
  });
}

test("cancelled, and answered by its batch all the same: what it is shown to have cost is the sum of its bill", {
  timeout: 120_000,
}, async () => {
  const server = await startOpenAiServer({ batchesNeverEnd: true, batchDoneWhenCancelled: true });
  const execution = await executionInBatch(server, 50);
  await execution.cancel();
  execution.first.worker.wake();
  await execution.untilIt("cancelled");
  const [row] = await until(execution.bill, ({ length }) => length === 1);
  assert.deepEqual([row?.outcome, row?.cost], ["cancelled", await chargeOf(server)]);
  const { shown, billed } = await execution.totals();
  assert.equal(shown.costNanoUsd, row?.cost);
  assert.deepEqual(shown, billed);
  await execution.first.stop();
  await server.close();
});
