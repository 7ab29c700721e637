import assert from "node:assert/strict";
import type { BrowserContext, Page } from "playwright-core";
import { type LiveMessages, openLiveMessages } from "../../../bench/web/live-messages.ts";
import { startWaitingExecution } from "../../../bench/web/seed-pages.ts";
import { launchBrowser } from "../../support/browser.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { insertBilledCalls } from "../../support/executions.ts";
import { startPacedProvider } from "./paced-provider.ts";
import { claim, desk, openContext, watchedPage } from "./people.ts";
import { type RunningMuster, runMuster, waitUntil } from "./running-muster.ts";

/** Messages that have been said when a test begins. */
export const history = 10_000;

/** A running execution of 10,000 messages, in a real browser; a test may let it grow by 50 a second. */
export interface LongConversation {
  database: TestDatabase;
  muster: RunningMuster;
  context: BrowserContext;
  live: LiveMessages;
  /** Of its page. */
  address: string;
  /** Opens the page in a tab of its own and waits until it lives. */
  open(): Promise<{ page: Page; troubles: string[] }>;
  close(): Promise<void>;
}

/** Starts what is needed and fills the database. */
export async function openLongConversation(): Promise<LongConversation> {
  const database = await createTestDatabase();
  const [muster, browser, provider] = await Promise.all([
    runMuster({ DATABASE_URL: database.url }),
    launchBrowser(),
    startPacedProvider({ latencyMs: 3_600_000, wordsPerSecond: 60 }),
  ]);
  const context = await openContext(browser, "light", desk);
  const call = await claim(context, muster);
  const executionId = await startWaitingExecution(call, provider);
  const address = `${muster.url}/executions/${executionId}`;
  await waitUntil(
    30_000,
    () => "The execution does not run",
    async () => {
      const { rows } = await database.db.pool.query("SELECT status FROM task_executions WHERE id = $1", [executionId]);
      return rows[0]?.status === "running";
    },
  );
  const live = await openLiveMessages(database.url, executionId, history);
  // One word and one step, near the beginning and near the end. Before anything is read: no answer is kept that does not know it.
  const { rowCount } = await database.db.pool.query(
    `UPDATE agent_messages SET content = content || ' Lighthouse.', step_id = (SELECT id FROM execution_steps WHERE execution_id = $1 LIMIT 1)
     WHERE task_execution_id = $1 AND (content LIKE 'Message 10:%' OR content LIKE 'Message 9990:%')`,
    [executionId],
  );
  assert.equal(rowCount, 2);
  const { rows } = await database.db.pool.query("SELECT id FROM execution_steps WHERE execution_id = $1 LIMIT 1", [
    executionId,
  ]);
  // More than the API gives of them at once.
  await insertBilledCalls(database.db, { executionId, stepId: String(rows[0]?.id) }, 450, 1_000_000);
  return {
    database,
    muster,
    context,
    live,
    address,
    async open() {
      const watched = await watchedPage(context, muster);
      await watched.page.goto(address);
      await watched.page.getByText("Live", { exact: true }).first().waitFor();
      await watched.page.locator("article").nth(2).waitFor();
      return watched;
    },
    async close() {
      await live.close();
      // Its one call waits for an answer that never comes.
      await call("POST", `/executions/${executionId}/cancel`);
      await browser.close();
      await provider.close();
      await muster.stop();
      await database.drop();
    },
  };
}
