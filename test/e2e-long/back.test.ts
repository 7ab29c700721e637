import assert from "node:assert/strict";
import { test } from "node:test";
import type { ModelList } from "#contracts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

// The browser's Back undoes what was opened, and nothing that was only filtered or closed.

const world = sampledMuster({ prepare: async ({ context }) => context.setDefaultTimeout(20_000) });

test("Back closes a task that was opened; one that was closed leaves nothing to go back through", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/projects`);
  await page
    .getByRole("main")
    .getByRole("link", { name: /Operations/ })
    .click();
  const card = page.getByRole("button", { name: /can we lose data/ });
  const dialog = page.getByRole("dialog", { name: /can we lose data/ });
  await card.click();
  await dialog.waitFor();
  await page.goBack();
  await dialog.waitFor({ state: "detached" });
  await page.goForward();
  await dialog.waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "Projects" }).waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});

test("Back asks before it throws away what is typed in a task", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/projects/${world.samples.projectId}`);
  await page.getByRole("button", { name: /can we lose data/ }).click();
  const title = page.getByRole("dialog").getByLabel("Title");
  await title.fill("Something else");
  // For the browser a Back that the page holds has not happened, which Playwright rejects.
  const heldBack = () => page.goBack().catch(() => null);
  await heldBack();
  const asked = page.getByRole("dialog", { name: "Throw away what you typed?" });
  await asked.getByRole("button", { name: "Keep editing" }).click();
  assert.equal(await title.inputValue(), "Something else");
  await heldBack();
  await asked.getByRole("button", { name: "Throw away" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(new URL(page.url()).search, "");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("Back goes to the conversation before, with what was said in it", async () => {
  const { defaultModel } = await world.call<ModelList>("GET", "/models");
  for (const word of ["first", "second"]) {
    const answer = await world.context.request.post(`${world.muster.url}/api/v1/agent/chat/stream`, {
      headers: { origin: world.muster.url, "idempotency-key": crypto.randomUUID() },
      data: { message: `The ${word} conversation`, model: defaultModel },
    });
    assert.match(await answer.text(), /"done":true/);
  }
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/chat`);
  const said = (what: string) => page.getByRole("log").locator("div.whitespace-pre-wrap", { hasText: what });
  await page.getByRole("button", { name: /The first conversation/ }).click();
  await said("The first conversation").waitFor();
  await page.getByRole("button", { name: /The second conversation/ }).click();
  await said("The second conversation").waitFor();
  await page.getByRole("button", { name: "New chat" }).click();
  await page.getByRole("textbox", { name: "Message" }).fill("A third one");
  await page.getByRole("textbox", { name: "Message" }).press("Enter");
  await page.waitForURL(/conversation=/);
  await page.getByRole("list", { name: "Conversations" }).getByText("A third one").waitFor();
  await page.goBack();
  await said("The second conversation").waitFor();
  assert.equal(await said("A third one").count(), 0);
  await page.goBack();
  await said("The first conversation").waitFor();
  await page.goBack();
  await page.getByText("Ask something").waitFor();
  assert.equal(await page.getByRole("combobox", { name: "Whom to chat with" }).isDisabled(), false);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("Back goes to the page of a list before, and not through the letters of a search", async () => {
  for (let count = 0; count < 20; count++)
    await world.call("POST", "/squads", { template: "research-report", name: `Readers ${count}` });
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/squads`);
  await page.getByRole("button", { name: "Next page" }).click();
  await page.getByText("2 of 2").waitFor();
  await page.goBack();
  await page.getByText("1 of 2").waitFor();
  await page.goForward();
  await page.getByText("2 of 2").waitFor();
  await page.getByRole("searchbox").pressSequentially("Readers 7", { delay: 250 });
  await page.getByText("1 squad", { exact: true }).waitFor();
  await page.goBack();
  await page.getByText("1 of 2").waitFor();
  assert.equal(await page.getByRole("searchbox").inputValue(), "");
  assert.deepEqual(troubles, []);
  await page.close();
});
