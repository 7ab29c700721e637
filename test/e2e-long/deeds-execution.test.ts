import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { ExecutionAnswer, ExecutionStateAnswer, ModelList, SquadAnswer, TaskAnswer } from "#contracts";
import { type PacedProvider, startPacedProvider } from "../e2e/support/paced-provider.ts";
import { executionComesTo, type SampledMuster, sampledMuster, statusOf } from "../e2e/support/sampled-muster.ts";

// What one does to a squad at work, pressed where a person presses it.

const world = sampledMuster({ prepare });
const words = 400;
const longAnswer = Array.from({ length: words }, (_, index) => `word-${index + 1}`).join(" ");
let provider: PacedProvider;
let model = "";
/** What a squad says stands still until this comes. */
let released = Promise.withResolvers<void>();

async function prepare({ call }: SampledMuster): Promise<void> {
  provider = await startPacedProvider({
    latencyMs: 0,
    wordsPerSecond: 40,
    answer: (message) => (message === "Tell it at length" ? longAnswer : null),
    rewrite: (text) => text.split(" ").slice(0, 60).join(" "),
    hold: (text) => (text === longAnswer ? undefined : released.promise),
  });
  await call("POST", "/provider-accounts", {
    kind: "openai_compatible",
    name: "Paced",
    baseUrl: provider.baseUrl,
    allowPrivateAddress: true,
    models: [provider.model],
  });
  const { data } = await call<ModelList>("GET", "/models");
  model = data.find(({ id }) => id.endsWith(provider.model))?.id ?? "";
}
after(() => provider?.close());

/** Starts a squad of its own on a task; returns the execution's id. */
async function start(title: string, requireApproval: boolean): Promise<string> {
  const { squad } = await world.call<SquadAnswer>("POST", "/squads", {
    template: "research-report",
    name: title,
    model: requireApproval ? undefined : model,
    requireApproval,
  });
  const body = {
    projectId: world.samples.projectId,
    squadId: squad.id,
    title,
    description: `${title}: say what is known.`,
  };
  const { task } = await world.call<TaskAnswer>("POST", "/tasks", body);
  return (await world.call<ExecutionStateAnswer>("POST", `/tasks/${task.id}/executions`, {})).execution.id;
}

test("an execution is paused when its calls are done, resumed, cancelled and retried", async () => {
  released = Promise.withResolvers();
  const executionId = await start("Find out about tides", false);
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/executions/${executionId}`);
  const press = (name: string) => page.getByRole("button", { name, exact: true }).click();
  await page.locator("article[aria-busy=true]").first().waitFor();
  await press("Pause");
  await page.getByRole("button", { name: "Pausing" }).waitFor();
  assert.equal(await statusOf(world.call, executionId), "running", "the call under way goes on");
  released.resolve();
  await page.getByRole("button", { name: "Resume" }).waitFor();
  assert.equal(await statusOf(world.call, executionId), "paused");

  released = Promise.withResolvers();
  await press("Resume");
  await page.getByRole("button", { name: "Pause", exact: true }).waitFor();
  await executionComesTo(world.call, executionId, "running");
  await page.locator("article[aria-busy=true]").first().waitFor();
  await press("Cancel");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the execution" }).click();
  await page.getByRole("button", { name: "Retry" }).waitFor();
  await executionComesTo(world.call, executionId, "cancelled");
  released.resolve();
  await press("Retry");
  await executionComesTo(world.call, executionId, "completed");
  await page.getByText("Completed", { exact: true }).first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Retry" }).count(), 0);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a plan that is approved is worked off, one that is refused ends there", async () => {
  const { page, troubles } = await world.open();
  for (const [answer, ended] of [
    ["Approve", "completed"],
    ["Refuse", "failed"],
  ] as const) {
    const executionId = await start(`${answer} the plan`, true);
    await page.goto(`${world.muster.url}/executions/${executionId}`);
    await page.getByRole("button", { name: answer, exact: true }).click();
    await executionComesTo(world.call, executionId, ended);
    await page.getByRole("button", { name: answer, exact: true }).waitFor({ state: "detached" });
    const { execution } = await world.call<ExecutionAnswer>("GET", `/executions/${executionId}`);
    const worked = execution.steps.filter(({ kind, status }) => kind !== "plan" && status === "completed").length;
    assert.equal(worked > 0, answer === "Approve", `${worked} steps were worked off`);
  }
  assert.deepEqual(troubles, []);
  await page.close();
});

test("an answer in the chat is stopped: what was said stays, nothing more comes, and one can go on", async () => {
  const { page } = await world.open();
  await page.goto(`${world.muster.url}/chat`);
  await page
    .getByRole("combobox")
    .first()
    .selectOption({ value: `model:${model}` });
  const message = page.getByRole("textbox", { name: "Message" });
  await message.fill("Tell it at length");
  await message.press("Enter");
  const log = page.getByRole("log", { name: "Conversation" });
  await log.getByText("word-5 ").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByRole("button", { name: "Send" }).waitFor();
  const said = await log.innerText();
  assert.match(said, /word-5 /);
  assert.doesNotMatch(said, new RegExp(`word-${words}$`));
  await log.locator("[aria-busy=true]").waitFor({ state: "detached" });
  assert.equal(await log.innerText(), said);
  await message.fill("Another one");
  await page.getByRole("button", { name: "Send" }).click();
  await log.getByText("Another one").waitFor();
  await page.close();
});
