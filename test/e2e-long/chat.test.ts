import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, BrowserContext } from "playwright-core";
import type { ConversationPage, ModelList } from "#contracts";
import { type PacedProvider, startPacedProvider } from "../e2e/support/paced-provider.ts";
import { type Call, claim, desk, openContext, watchedPage } from "../e2e/support/people.ts";
import { type RunningMuster, runMuster, waitUntil } from "../e2e/support/running-muster.ts";
import { launchBrowser } from "../support/browser.ts";

const turns = 30;
const lines = 400;
const longAnswer = Array.from({ length: lines }, (_, index) => `- line-${index + 1} of`).join("\n");

let muster: RunningMuster;
let provider: PacedProvider;
let browser: Browser;
let context: BrowserContext;
let call: Call;
let conversationId = "";

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
  const model = models.data.find(({ id }) => id.endsWith(provider.model))?.id;
  for (let turn = 1; turn <= turns; turn++) {
    const answer = await context.request.post(`${muster.url}/api/v1/agent/chat/stream`, {
      headers: { origin: muster.url, "idempotency-key": crypto.randomUUID() },
      data: { message: `Question ${turn}`, ...(conversationId ? { conversationId } : { model }) },
    });
    assert.ok(answer.ok());
    assert.match(await answer.text(), /"done":true/);
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
