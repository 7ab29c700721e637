import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { BatchJobPage, ModelList, ProjectAnswer, SquadAnswer, TaskAnswer } from "#contracts";
import { axeFindings } from "../e2e/support/axe.ts";
import { claim, desk, openContext, phone, watchedPage } from "../e2e/support/people.ts";
import { type RunningMuster, runMuster, waitUntil } from "../e2e/support/running-muster.ts";
import { launchBrowser } from "../support/browser.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startOpenAiServer, type WireServer } from "../support/llm/index.ts";

let database: TestDatabase;
let server: WireServer;
let muster: RunningMuster;
let browser: Awaited<ReturnType<typeof launchBrowser>>;
before(async () => {
  database = await createTestDatabase();
  [server, muster, browser] = await Promise.all([
    startOpenAiServer({ batchesNeverEnd: true }),
    runMuster({ DATABASE_URL: database.url }),
    launchBrowser(),
  ]);
});
after(async () => {
  await browser?.close();
  await muster?.stop();
  await server?.close();
  await database?.drop();
});

test("a task is run within a day: its batch is seen on the execution and among the batches, and can be cancelled", {
  timeout: 170_000,
}, async () => {
  const context = await openContext(browser, "light", desk);
  const call = await claim(context, muster);
  await call("POST", "/provider-accounts", {
    kind: "openai",
    name: "Batches",
    baseUrl: server.url,
    apiKey: "sk-local-0000",
    allowPrivateAddress: true,
    models: ["gpt-4o-mini"],
    requestsPerMinute: 10_000,
  });
  const models = await call<ModelList>("GET", "/models");
  const model = models.data.find((one) => one.available && one.id.endsWith("gpt-4o-mini"))?.id;
  const { squad } = await call<SquadAnswer>("POST", "/squads", { template: "research-report", model });
  const { project } = await call<ProjectAnswer>("POST", "/projects", { name: "Nights" });
  const { task } = await call<TaskAnswer>("POST", "/tasks", {
    projectId: project.id,
    squadId: squad.id,
    title: "There is time until tomorrow",
    description: "Say what is known about backups.",
  });

  const { page, troubles } = await watchedPage(context, muster);
  await page.goto(`${muster.url}/executions?status=batches`);
  await page.getByText("Nothing is deferred").waitFor();
  await page.goto(`${muster.url}/projects/${project.id}?task=${task.id}`);
  await page.getByLabel("When").selectOption({ label: "Within a day, ½ price" });
  await page.getByRole("button", { name: "Run" }).click();
  await page.waitForURL("**/executions/*");
  await page.getByText("Deferred: its calls are collected").waitFor();
  await page.getByRole("link", { name: "Batches" }).click();
  await page.getByText("1 deferred call being collected for the next batch").waitFor();

  // Calls are collected for a minute: this one has waited that long already.
  await database.db.pool.query("UPDATE llm_economy_calls SET created_at = created_at - interval '5 minutes'");
  await waitUntil(
    // A process looks for work of the lane once a minute.
    110_000,
    () => "No batch is handed over",
    async () => (await call<BatchJobPage>("GET", "/batch-jobs")).data[0]?.state === "running",
  );
  await page.reload();
  const batch = page.getByRole("listitem", { name: "Batch for OpenAI gpt-4o-mini" });
  await batch.getByText(/At the provider/).waitFor();
  await batch.getByText("0 of 1 call").waitFor();
  for (const size of [desk, phone]) {
    await page.setViewportSize(size.viewport);
    assert.deepEqual(await axeFindings(page, "batches"), []);
    assert.ok(await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"));
  }
  await page.setViewportSize(desk.viewport);
  await batch.getByRole("link", { name: "execution" }).click();
  await page.getByText(/it waits for a batch of 1 call/).waitFor();
  await page.goto(`${muster.url}/executions`);
  await page.getByText(/Running · Deferred/).waitFor();

  await page.getByRole("tab", { name: "Batches" }).click();
  await batch.getByRole("button", { name: "Cancel" }).click();
  const asked = page.getByRole("dialog", { name: "Cancel this batch?" });
  await asked.getByText(/Its 1 open call will not be answered/).waitFor();
  await asked.getByRole("button", { name: "Cancel the batch" }).click();
  await batch.getByText(/Being cancelled|Cancelled/).waitFor();
  await batch.getByRole("button", { name: "Cancel" }).waitFor({ state: "detached" });
  assert.deepEqual(troubles, []);
  await context.close();
});
