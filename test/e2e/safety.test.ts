import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import type { CreatedInvitation } from "#contracts";
import { launchBrowser } from "../support/browser.ts";
import { assertArrived, assertHarmless, lookAt, marked } from "./support/harm.ts";
import { hostilePayloads } from "./support/hostile-payloads.ts";
import { type PacedProvider, startPacedProvider } from "./support/paced-provider.ts";
import { ada, ben, claim, desk, openContext, watchedPage } from "./support/people.ts";
import { type RunningMuster, runMuster } from "./support/running-muster.ts";
import { type Samples, seedSamples } from "./support/samples.ts";

let muster: RunningMuster;
let browser: Browser;
let provider: PacedProvider;
let invitation: CreatedInvitation;
let samples: Samples;
const perMessage = 10;
const payloads = hostilePayloads();
const texts = marked(payloads, "\n\n");

before(async () => {
  // The model says what it is told to: message N gets the Nth group of payloads.
  const answer = (message: string) => {
    const at = /^group (\d+)$/.exec(message.trim())?.[1];
    return at === undefined ? null : texts.slice(Number(at) * perMessage, (Number(at) + 1) * perMessage).join("\n\n");
  };
  [muster, browser, provider] = await Promise.all([
    runMuster(),
    launchBrowser(),
    startPacedProvider({ latencyMs: 0, wordsPerSecond: 5000, answer }),
  ]);
  const context = await openContext(browser, "light", desk);
  const call = await claim(context, muster);
  samples = await seedSamples(call);
  invitation = await call<CreatedInvitation>("POST", "/invitations", { email: ben.email });
  await context.close();
});
after(async () => {
  await browser?.close();
  await muster?.stop();
  await provider?.close();
});

test("a second person joins by invitation and finds nothing of the first", async () => {
  const context = await openContext(browser, "light", desk);
  const { page, forget } = await watchedPage(context, muster);
  await page.goto(`${muster.url}/join?token=${encodeURIComponent(invitation.token)}`);
  await page.getByLabel("Your name").fill(ben.name);
  await page.getByLabel("Password").fill(ben.password);
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByText("Three steps to the first result").waitFor();
  for (const path of [
    `/squads/${samples.squadId}`,
    `/projects/${samples.projectId}`,
    `/executions/${samples.executionId}`,
  ]) {
    await page.goto(muster.url + path);
    await page.getByRole("alert").getByText("There is no such thing, or it is not yours").waitFor();
    const text = await page.locator("main").innerText();
    assert.doesNotMatch(text, /Research desk|Operations|Report: can we lose data/);
  }
  for (const [path, empty] of [
    ["/squads", "No squad yet"],
    ["/projects", "No project yet"],
    ["/executions", "No execution yet"],
  ] as const) {
    await page.goto(muster.url + path);
    await page.getByText(empty).waitFor();
  }
  forget();
  await context.close();
});

test("150 hostile texts of a model: no script runs, nothing is fetched, no element comes in, links are plain", async () => {
  assert.ok(payloads.length >= 150, `only ${payloads.length} payloads`);
  const context = await openContext(browser, "light", desk);
  const { page, troubles } = await watchedPage(context, muster);
  await page.goto(`${muster.url}/sign-in`);
  await page.getByLabel("E-mail").fill(ada.email);
  await page.getByLabel("Password").fill(ada.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Dashboard" }).waitFor();
  const response = await context.request.post(`${muster.url}/api/v1/provider-accounts`, {
    headers: { origin: muster.url, "idempotency-key": crypto.randomUUID() },
    data: {
      kind: "openai",
      name: "Hostile",
      baseUrl: provider.baseUrl,
      apiKey: "sk-local-0000",
      allowPrivateAddress: true,
      models: ["gpt-4o-mini"],
      requestsPerMinute: 10_000,
    },
  });
  assert.equal(response.status(), 201, await response.text());
  troubles.splice(0);
  await page.goto(`${muster.url}/chat`);
  await page.getByLabel("Whom to chat with").selectOption({ value: "model:openai/gpt-4o-mini" });
  const groups = Math.ceil(payloads.length / perMessage);
  for (let group = 0; group < groups; group += 1) {
    await page.getByLabel("Message", { exact: true }).fill(`group ${group}`);
    await page.getByRole("button", { name: "Send" }).click();
    await page
      .getByText(/gpt-4o-mini · .* out/)
      .nth(group)
      .waitFor();
  }
  const found = await lookAt(page.getByRole("log"));
  assertArrived(found.text, payloads.length, "chat");
  assert.ok(assertHarmless(found, "chat") > 0, "no link was looked at");
  assert.deepEqual(troubles, []);
  await context.close();
});
