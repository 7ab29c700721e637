import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type {
  ExecutionAnswer,
  ExecutionStateAnswer,
  ModelList,
  ProjectAnswer,
  SquadAnswer,
  TaskAnswer,
} from "#contracts";
import { launchBrowser } from "../support/browser.ts";
import { type PacedProvider, startPacedProvider } from "./support/paced-provider.ts";
import { type Call, callerOf, claim, desk, openContext, watchedPage } from "./support/people.ts";
import { type RunningMuster, runMuster, waitUntil } from "./support/running-muster.ts";

let muster: RunningMuster;
let browser: Browser;
let provider: PacedProvider;
before(async () => {
  [muster, browser, provider] = await Promise.all([
    runMuster(),
    launchBrowser(),
    startPacedProvider({ latencyMs: 150, wordsPerSecond: 60 }),
  ]);
});
after(async () => {
  await browser?.close();
  await muster?.stop();
  await provider?.close();
});

/** Starts a squad on the paced provider, on a text of its own so that no kept answer shortens it; returns the execution's id. */
async function startSlowExecution(call: Call, subject: string): Promise<string> {
  await call("POST", "/provider-accounts", {
    kind: "openai",
    name: `Paced ${subject}`,
    baseUrl: provider.baseUrl,
    apiKey: "sk-local-0000",
    allowPrivateAddress: true,
    models: ["gpt-4o-mini"],
    requestsPerMinute: 10_000,
  });
  const models = await call<ModelList>("GET", "/models");
  const model = models.data.find((one) => one.available && one.id.endsWith("gpt-4o-mini"))?.id;
  const { squad } = await call<SquadAnswer>("POST", "/squads", { template: "research-report", model });
  const { project } = await call<ProjectAnswer>("POST", "/projects", { name: `Live ${subject}` });
  const text = Array.from(
    { length: 40 },
    (_, line) => `## ${subject} ${line}\n\n${subject} ${line} says that ${line + 3} of ${line + 9} copies are checked.`,
  );
  const { task } = await call<TaskAnswer>("POST", "/tasks", {
    projectId: project.id,
    squadId: squad.id,
    title: "Read the rules",
    description: "Report on the attached rules with sources.",
    attachments: [{ name: "rules.md", contentBase64: Buffer.from(text.join("\n\n")).toString("base64") }],
  });
  return (await call<ExecutionStateAnswer>("POST", `/tasks/${task.id}/executions`, {})).execution.id;
}

/** The texts of the last messages: the list is virtual, so how many are drawn above them depends on their heights. */
async function lastMessages(page: Page): Promise<string[]> {
  const texts = await page
    .locator("article")
    .evaluateAll((rows) =>
      rows.map((row) => (row.querySelector(".prose, ol, ul")?.textContent ?? "").replace(/\s+/g, " ").trim()),
    );
  return texts.filter((text) => text !== "").slice(-3);
}

test("an execution that is watched while the server crashes and comes back ends complete, the same in two tabs", async () => {
  const context = await openContext(browser, "dark", desk);
  const call = await claim(context, muster);
  const executionId = await startSlowExecution(call, "Rule");
  const first = await watchedPage(context, muster);
  const second = await watchedPage(context, muster);
  const address = `${muster.url}/executions/${executionId}`;
  await first.page.goto(address);
  await second.page.goto(address);
  await first.page.getByText("Live", { exact: true }).waitFor();
  await first.page.locator("article[aria-busy=true]").first().waitFor();

  await muster.kill();
  await first.page.getByText("Reconnecting").waitFor();
  await muster.start();
  for (const { page } of [first, second]) {
    await page.getByRole("button", { name: "Pause" }).waitFor({ state: "detached", timeout: 120_000 });
    await page.locator("article[aria-busy=true]").waitFor({ state: "detached" });
  }
  const { execution } = await call<ExecutionAnswer>("GET", `/executions/${executionId}`);
  assert.equal(execution.status, "completed");
  await waitUntil(
    10_000,
    () => "The two tabs differ",
    async () => {
      const [one, other] = await Promise.all([lastMessages(first.page), lastMessages(second.page)]);
      return one.length === 3 && JSON.stringify(one) === JSON.stringify(other);
    },
  );
  const live = await lastMessages(first.page);
  assert.equal(new Set(live).size, live.length, "a message stands twice");
  await first.page.reload();
  await first.page.locator("article").first().waitFor();
  let reloaded: string[] = [];
  await waitUntil(
    10_000,
    () => `Live: ${JSON.stringify(live)}\nAfter a reload: ${JSON.stringify(reloaded)}`,
    async () => {
      reloaded = await lastMessages(first.page);
      return JSON.stringify(reloaded) === JSON.stringify(live);
    },
  );
  // While the server is away the browser itself notes refused connections; nothing else may go wrong.
  const troubles = [...first.troubles, ...second.troubles].filter(
    (trouble) => !/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|Failed to load resource/.test(trouble),
  );
  assert.deepEqual(troubles, []);
  await context.close();
});

test("a cancel from the page ends the work and offers a retry", async () => {
  const context = await openContext(browser, "light", desk);
  const call = callerOf(context, muster);
  await call("POST", "/auth/sign-in", { email: "ada@example.org", password: "correct horse battery" });
  const executionId = await startSlowExecution(call, "Clause");
  const { page, troubles } = await watchedPage(context, muster);
  await page.goto(`${muster.url}/executions/${executionId}`);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the execution" }).click();
  await page.getByText("Cancelled").first().waitFor();
  await page.getByRole("button", { name: "Retry" }).waitFor();
  assert.deepEqual(troubles, []);
  await context.close();
});
