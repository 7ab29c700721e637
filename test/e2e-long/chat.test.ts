import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, BrowserContext } from "playwright-core";
import type { ConversationPage, ExecutionPage, ModelList } from "#contracts";
import { type PacedProvider, startPacedProvider } from "../e2e/support/paced-provider.ts";
import { type Call, claim, desk, openContext, watchedPage } from "../e2e/support/people.ts";
import { type RunningMuster, runMuster, waitUntil } from "../e2e/support/running-muster.ts";
import { launchBrowser } from "../support/browser.ts";

const turns = 55;
const lines = 400;
const longAnswer = Array.from({ length: lines }, (_, index) => `- line-${index + 1} of`).join("\n");

let muster: RunningMuster;
let provider: PacedProvider;
let browser: Browser;
let context: BrowserContext;
let call: Call;
let conversationId = "";
let model: string | undefined;

/** Says something in a chat and waits for the whole answer. */
async function say(message: string, to: { conversationId: string } | { model: string | undefined }): Promise<void> {
  const answer = await context.request.post(`${muster.url}/api/v1/agent/chat/stream`, {
    headers: { origin: muster.url, "idempotency-key": crypto.randomUUID() },
    data: { message, ...to },
  });
  assert.ok(answer.ok());
  assert.match(await answer.text(), /"done":true/);
}

before(async () => {
  [muster, browser, provider] = await Promise.all([
    runMuster(),
    launchBrowser(),
    startPacedProvider({
      latencyMs: 0,
      wordsPerSecond: 150,
      answer: (message) => (message.includes("long") ? longAnswer : "Short and to the point."),
    }),
  ]);
  context = await openContext(browser, "light", desk);
  call = await claim(context, muster);
  await call("POST", "/provider-accounts", {
    kind: "openai_compatible",
    name: "Paced",
    baseUrl: provider.baseUrl,
    allowPrivateAddress: true,
    models: [provider.model],
  });
  const models = await call<ModelList>("GET", "/models");
  model = models.data.find(({ id }) => id.endsWith(provider.model))?.id;
  for (let turn = 1; turn <= turns; turn++) {
    await say(`Question ${turn}`, conversationId ? { conversationId } : { model });
    conversationId ||= (await call<ConversationPage>("GET", "/conversations?limit=30")).data[0]?.id ?? "";
  }
});
after(async () => {
  await browser?.close();
  await muster?.stop();
  await provider?.close();
});

test("a long conversation opens at its end, follows an answer, and lets go of the reader who scrolls up", async () => {
  const { page, troubles } = await watchedPage(context, muster);
  await page.goto(`${muster.url}/chat?conversation=${conversationId}`);
  const log = page.getByRole("log", { name: "Conversation" });
  const fromEnd = () =>
    log.evaluate((element) => Math.round(element.scrollHeight - element.clientHeight - element.scrollTop));
  const comesToEnd = (when: string) =>
    waitUntil(
      5000,
      () => `It is not at its end ${when}`,
      async () => (await fromEnd()) <= 1,
    );
  await log.getByText(`Question ${turns}`).waitFor();
  assert.ok(
    await log.evaluate((element) => element.scrollHeight > 2 * element.clientHeight),
    "there is something to scroll",
  );
  await comesToEnd("when it opens");

  await page.getByRole("textbox", { name: "Message" }).fill("A long answer, please");
  await page.getByRole("textbox", { name: "Message" }).press("Enter");
  await log.getByText("line-60 of").waitFor();
  await comesToEnd("while an answer comes");

  await log.hover();
  await page.mouse.wheel(0, -600);
  await waitUntil(
    5000,
    () => "It does not let go",
    async () => (await fromEnd()) > 300,
  );
  const top = await log.evaluate((element) => element.scrollTop);
  const height = await log.evaluate((element) => element.scrollHeight);
  await log.getByText("line-200 of").waitFor();
  assert.ok((await log.evaluate((element) => element.scrollHeight)) > height, "it grew meanwhile");
  assert.equal(await log.evaluate((element) => element.scrollTop), top, "the reader is left alone");

  await page.mouse.wheel(0, 1_000_000);
  await log.getByText(`line-${lines} of`).waitFor();
  await page.getByRole("button", { name: "Stop" }).waitFor({ state: "detached" });
  await comesToEnd("when the answer is complete");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("older messages come on request, and what the reader sees stays where it is", async () => {
  const { page, troubles } = await watchedPage(context, muster);
  await page.goto(`${muster.url}/chat?conversation=${conversationId}`);
  const log = page.getByRole("log", { name: "Conversation" });
  await log.getByText(`Question ${turns}`).waitFor();
  assert.equal(await log.getByText(/Question 1$/).count(), 0);
  const button = log.getByRole("button", { name: "Show older messages" });
  await button.scrollIntoViewIfNeeded();
  const seen = log.locator("div.whitespace-pre-wrap").nth(1);
  const text = await seen.innerText();
  const before = await seen.boundingBox();
  await button.click();
  await log.getByText(/Question 1$/).waitFor({ state: "attached" });
  const after = await log.getByText(text, { exact: true }).boundingBox();
  assert.ok(before && after && Math.abs(before.y - after.y) <= 48, `it was at ${before?.y}, is at ${after?.y}`);
  await button.waitFor({ state: "detached" });
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a link to a conversation that the list does not reach knows whom it is with, and older ones come on request", async () => {
  for (let count = 1; count <= 31; count++) await say(`Another ${count}`, { model: "muster/offline" });
  const { page, troubles } = await watchedPage(context, muster);
  await page.goto(`${muster.url}/chat?conversation=${conversationId}`);
  const list = page.getByRole("list", { name: "Conversations" });
  await list.getByText("Another 31").waitFor();
  assert.equal(await list.getByText("Question 1", { exact: true }).count(), 0);
  await page.getByRole("button", { name: "Delete this conversation" }).waitFor();
  assert.equal(await page.getByRole("combobox", { name: "Whom to chat with" }).inputValue(), `model:${model}`);
  await list.getByRole("button", { name: "Show older" }).click();
  await list.getByText("Question 1", { exact: true }).waitFor();
  assert.equal(await list.getByRole("button", { name: "Show older" }).count(), 0);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("lists that cannot be read say so and are asked for again", async () => {
  const { page } = await watchedPage(context, muster);
  let broken = true;
  for (const path of ["conversations", "squads"]) {
    await page.route(
      (url) => url.pathname === `/api/v1/${path}`,
      (route) => (broken ? route.abort() : route.continue()),
    );
  }
  // With a query string nothing is in the document.
  await page.goto(`${muster.url}/chat?from=elsewhere`);
  const alerts = page.getByRole("alert");
  const conversations = alerts.filter({ hasText: "The conversations could not be loaded." });
  const squads = alerts.filter({ hasText: "The squads could not be loaded: only models can be chosen." });
  await conversations.waitFor();
  await squads.waitFor();
  broken = false;
  await conversations.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("list", { name: "Conversations" }).getByText("Another 31").waitFor();
  await squads.getByRole("button", { name: "Try again" }).click();
  await squads.waitFor({ state: "detached" });
  await page.close();
});

test("a whole squad answers a message with the result of an execution", async () => {
  await call("POST", "/squads", {
    template: "research-report",
    name: "Backup readers",
    model: "muster/offline",
  });
  const { page, troubles } = await watchedPage(context, muster);
  await page.goto(`${muster.url}/chat`);
  await page.getByLabel("Whom to chat with").selectOption("Backup readers, the whole squad");
  await page.getByText("The squad works on each message as on a task").waitFor();
  await page
    .getByRole("textbox", { name: "Message" })
    .fill("Say how often backups are tested. Backups are tested every two days.");
  await page.getByRole("textbox", { name: "Message" }).press("Enter");
  await page.waitForURL(/conversation=/);
  await page
    .getByRole("log")
    .getByText(/squad\/backup-readers · /)
    .waitFor();
  const { data } = await call<ExecutionPage>("GET", "/executions?limit=5");
  assert.deepEqual(
    data.map(({ squadName, status }) => [squadName, status]),
    [["Backup readers", "completed"]],
  );
  await page.reload();
  await page.getByText("The squad works on each message as on a task").waitFor();
  await page.getByRole("log").getByText("Say how often backups are tested.").first().waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});
