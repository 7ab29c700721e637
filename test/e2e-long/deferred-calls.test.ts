import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { BrowserContext } from "playwright-core";
import type { DeferredCallAnswer } from "#contracts";
import { axeFindings } from "../e2e/support/axe.ts";
import { type Call, claim, desk, openContext, phone, watchedPage } from "../e2e/support/people.ts";
import { type RunningMuster, runMuster, waitUntil } from "../e2e/support/running-muster.ts";
import { launchBrowser } from "../support/browser.ts";
import { lastUserText, startOpenAiServer, type WireServer } from "../support/llm/index.ts";

// Calls that were deferred one by one, as the Batches page shows them.

let server: WireServer;
let muster: RunningMuster;
let browser: Awaited<ReturnType<typeof launchBrowser>>;
let context: BrowserContext;
let call: Call;
before(async () => {
  [server, muster, browser] = await Promise.all([
    startOpenAiServer({
      batchesNeverEnd: true,
      script: (body) =>
        lastUserText(body).startsWith("Weather")
          ? {
              text: "I look at the **weather** first.",
              toolCalls: [{ name: "read_weather", arguments: '{"place":"Uppsala"}' }],
              usage: { inputTokens: 1_200, cachedTokens: 800, outputTokens: 90 },
            }
          : { text: "Yes." },
    }),
    runMuster(),
    launchBrowser(),
  ]);
  context = await openContext(browser, "light", desk);
  call = await claim(context, muster);
  await call("POST", "/provider-accounts", {
    kind: "openai",
    name: "Calls",
    baseUrl: server.url,
    apiKey: "sk-local-0000",
    allowPrivateAddress: true,
    models: ["gpt-4o-mini"],
    requestsPerMinute: 10_000,
  });
});
after(async () => {
  await browser?.close();
  await muster?.stop();
  await server?.close();
});

/** Sends a chat completion as a program would, to be answered by a batch, or live after `deadlineMs`. */
async function defer(model: string, content: string, deadlineMs?: number): Promise<string> {
  const answer = await context.request.post(`${muster.url}/v1/chat/completions`, {
    headers: {
      origin: muster.url,
      "x-muster-lane": "deferred",
      ...(deadlineMs === undefined ? {} : { "x-muster-deadline-ms": String(deadlineMs) }),
    },
    data: { model, messages: [{ role: "user", content }] },
  });
  assert.equal(answer.status(), 202, await answer.text());
  return ((await answer.json()) as DeferredCallAnswer).deferredCall.id;
}
const stateOf = async (id: string) =>
  (await call<DeferredCallAnswer>("GET", `/deferred-calls/${id}`)).deferredCall.state;
const untilState = (id: string, state: string) =>
  waitUntil(
    30_000,
    () => `The call is not ${state}`,
    async () => (await stateOf(id)) === state,
  );

test("a waiting call is listed and can be cancelled; what it is stays when the cancelling is refused", async () => {
  const { page, troubles } = await watchedPage(context, muster);
  await page.goto(`${muster.url}/executions?status=batches`);
  await page.getByText("x-muster-lane: deferred").waitFor();
  const id = await defer("gpt-4o-mini", "There is time until tomorrow");
  await page.reload();
  const row = page.getByRole("listitem", { name: "Call to gpt-4o-mini" });
  await row.getByText(/Waiting for a batch · asked now · goes live in 1d at the latest/).waitFor();
  await row.getByText("no cost yet").waitFor();
  await row.getByRole("button", { name: "Cancel" }).click();
  const asked = page.getByRole("dialog", { name: "Cancel this call?" });
  await asked.getByRole("button", { name: "Keep" }).click();
  assert.equal(await stateOf(id), "waiting");

  await row.getByRole("button", { name: "Cancel" }).focus();
  await page.keyboard.press("Enter");
  await asked.getByRole("button", { name: "Cancel the call" }).click();
  await row.getByText(/Cancelled · ended/).waitFor();
  await row.getByText("cost unknown").waitFor();
  assert.equal(await row.getByRole("button", { name: "Cancel", exact: true }).count(), 0);
  assert.equal(await stateOf(id), "cancelled");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a call that ends while the page is open shows so; its row opens the answer, the tool calls and the usage", async () => {
  const { page, troubles } = await watchedPage(context, muster);
  const id = await defer("gpt-4o-mini", "Weather, please", 1_500);
  await page.goto(`${muster.url}/executions?status=batches`);
  // Nobody reloads: the page looks again by itself.
  const row = page.getByRole("listitem", { name: "Call to gpt-4o-mini" }).first();
  await row.getByText(/Done · ended/).waitFor();
  await row.getByText(/^\$0\.000\d$/).waitFor();
  await row.getByRole("button", { name: /gpt-4o-mini/ }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "gpt-4o-mini" });
  await dialog.locator("strong", { hasText: "weather" }).waitFor();
  assert.equal(new URL(page.url()).searchParams.get("call"), id);
  await dialog.getByText("read_weather").click();
  await dialog.getByText('"place": "Uppsala"').waitFor();
  const figure = (name: string) => dialog.locator(`dt:text-is("${name}") + dd`).innerText();
  assert.equal(await figure("Tokens in"), "1,200");
  assert.equal(await figure("Tokens out"), "90");
  await dialog.getByText("800 from a prefix cache").waitFor();
  assert.match(await figure("Cost"), /^\$0\.000\d$/);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(new URL(page.url()).searchParams.get("call"), null);
  // The address of an open call leads to it.
  await page.goto(`${muster.url}/executions?status=batches&call=${id}`);
  await dialog.locator("strong", { hasText: "weather" }).waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a failed call says what happened and what to do; long names fit, and axe finds nothing in either theme", async () => {
  const long = `nobody-offers/${"this-very-long-model-".repeat(8)}`.slice(0, 120);
  await untilState(await defer(long, "Hello"), "failed");
  await defer("gpt-4o-mini", "One more that waits");
  const signedIn = await context.storageState();
  for (const [theme, size] of [
    ["light", phone],
    ["dark", desk],
  ] as const) {
    const other = await browser.newContext({ ...size, colorScheme: theme, storageState: signedIn });
    other.setDefaultTimeout(60_000);
    const { page, troubles } = await watchedPage(other, muster);
    const clean = async () => {
      assert.deepEqual(await axeFindings(page, "batches"), []);
      assert.ok(await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"));
    };
    await page.goto(`${muster.url}/executions?status=batches`);
    const failed = page.getByRole("listitem", { name: /^Call to nobody-offers/ });
    await failed.getByText(/Failed · ended/).waitFor();
    await clean();
    await failed.getByRole("button").click();
    const dialog = page.getByRole("dialog", { name: /^nobody-offers/ });
    await dialog.getByText(/Send it again with one of the models that your accounts offer/).waitFor();
    await dialog.getByRole("link", { name: "Models" }).waitFor();
    await clean();
    assert.deepEqual(troubles, []);
    await other.close();
  }
});

test("the list says when it cannot be had, and comes back", async () => {
  const { page } = await watchedPage(context, muster);
  await page.route("**/api/v1/deferred-calls?*", (route) =>
    route.fulfill({
      status: 500,
      contentType: "application/problem+json",
      body: JSON.stringify({
        code: "internal_error",
        title: "Something went wrong inside Muster",
        detail: "Try again.",
      }),
    }),
  );
  await page.goto(`${muster.url}/executions?status=batches`);
  await page.getByRole("heading", { name: "Batches" }).waitFor();
  const failure = page.getByRole("alert").filter({ hasText: "Something went wrong inside Muster" });
  await failure.waitFor();
  await page.unroute("**/api/v1/deferred-calls?*");
  await failure.getByRole("button", { name: "Try again" }).click();
  await page
    .getByRole("listitem", { name: /^Call to/ })
    .first()
    .waitFor();
  await page.close();
});
