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
/** What a squad says stands still until this comes: nothing ends before somebody looks on, however slow the machine. */
let watched = Promise.withResolvers<void>();
/** Which of its texts do. */
let held = /./;
before(async () => {
  [muster, browser, provider] = await Promise.all([
    runMuster({}, "embedded"),
    launchBrowser(),
    startPacedProvider({
      latencyMs: 150,
      wordsPerSecond: 60,
      hold: (text) => (held.test(text) ? watched.promise : undefined),
    }),
  ]);
});
after(async () => {
  await browser?.close();
  await muster?.stop();
  await provider?.close();
});

/** Starts a squad on the paced provider, on a text of its own so that no kept answer shortens it; returns the execution's id. */
async function startSlowExecution(call: Call, subject: string, parts = 40): Promise<string> {
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
    { length: parts },
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

/** What a tab shows of an execution: the last messages, each row of the plan with its state, and the totals. */
interface Shown {
  messages: string[];
  plan: string[];
  totals: string[];
  status: string;
}

/** The list is virtual, so how many messages are drawn above the last ones depends on their heights. */
async function shownIn(page: Page): Promise<Shown> {
  const words = (text: string) => text.replace(/\s+/g, " ").trim();
  const texts = await page
    .locator("article")
    .evaluateAll((rows) => rows.map((row) => row.querySelector(".prose, ol, ul")?.textContent ?? ""));
  return {
    messages: texts
      .map(words)
      .filter((text) => text !== "")
      .slice(-3),
    plan: (await page.locator("main ol li:has(> button[aria-pressed])").allTextContents()).map(words),
    totals: (await page.locator("main dl > div").allTextContents()).map(words),
    status: words(
      await page
        .locator("main")
        .getByText(/^(Completed|Failed|Running)$/)
        .first()
        .innerText(),
    ),
  };
}

function differences(one: Shown, other: Shown | null): string {
  const rows = (shown: Shown | null) => Object.values(shown ?? {}).flat();
  const short = (all: string[]) => JSON.stringify(all.map((text) => text.slice(0, 120)));
  const [left, right] = [rows(one), rows(other)];
  return `only one has ${short(left.filter((row) => !right.includes(row)))}, only the other ${short(right.filter((row) => !left.includes(row)))}`;
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
  watched.resolve();
  await muster.start();
  for (const { page } of [first, second]) {
    await page.getByRole("button", { name: "Pause" }).waitFor({ state: "detached", timeout: 120_000 });
    await page.locator("article[aria-busy=true]").waitFor({ state: "detached" });
  }
  const { execution } = await call<ExecutionAnswer>("GET", `/executions/${executionId}`);
  assert.equal(execution.status, "completed");
  let [live, other] = [await shownIn(first.page), await shownIn(second.page)];
  const complete = (shown: Shown) => shown.messages.length === 3 && shown.plan.length === execution.steps.length;
  await waitUntil(
    30_000,
    () => `The two tabs differ: ${differences(live, other)}`,
    async () => {
      [live, other] = await Promise.all([shownIn(first.page), shownIn(second.page)]);
      return complete(live) && JSON.stringify(live) === JSON.stringify(other);
    },
  );
  assert.equal(new Set(live.messages).size, live.messages.length, "a message stands twice");
  for (const { title } of execution.steps)
    assert.ok(
      live.plan.some((row) => row.includes(title) && row.includes("Completed")),
      `${title}: ${live.plan}`,
    );
  const { steps, totals } = execution;
  for (const total of [`Steps${steps.length} of ${steps.length}`, `LLM calls${totals.llmCalls}`])
    assert.ok(live.totals.includes(total), `${total} is not in ${JSON.stringify(live.totals)}`);
  await first.page.reload();
  await first.page.locator("article").first().waitFor();
  let reloaded: Shown | null = null;
  await waitUntil(
    10_000,
    () => `Live and after a reload: ${differences(live, reloaded)}`,
    async () => {
      reloaded = await shownIn(first.page);
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

test("a file is listed while the work goes on; a cancel from the page ends it and offers a retry", async () => {
  const context = await openContext(browser, "light", desk);
  const call = callerOf(context, muster);
  await call("POST", "/auth/sign-in", { email: "ada@example.org", password: "correct horse battery" });
  watched = Promise.withResolvers<void>();
  held = /Wrote report/;
  const executionId = await startSlowExecution(call, "Clause", 2);
  const { page, troubles } = await watchedPage(context, muster);
  await page.goto(`${muster.url}/executions/${executionId}?tab=files`);
  const files = page.getByRole("list", { name: "Files" });
  await files.getByText("rules.md").waitFor();
  await files.getByText("report.md").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the execution" }).click();
  await page.getByText("Cancelled").first().waitFor();
  await page.getByRole("button", { name: "Retry" }).waitFor();
  assert.deepEqual(troubles, []);
  await context.close();
});
