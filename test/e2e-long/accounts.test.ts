import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import type { ProviderAccountList, UsageSummary } from "#contracts";
import { waitUntil } from "../e2e/support/running-muster.ts";
import { localAccount, sampledMuster } from "../e2e/support/sampled-muster.ts";
import { startOpenAiServer, type WireServer } from "../support/llm/index.ts";

// Provider accounts as a person sets them up, and what their calls cost and save.

let server: WireServer;
const world = sampledMuster({
  empty: true,
  prepare: async () => {
    // A prompt that costs cents, so that what is saved can be read off the page.
    server = await startOpenAiServer({ countPromptTokens: () => 200_000 });
  },
});
after(() => server?.close());

const wireOf = async (name: string) =>
  (await world.call<ProviderAccountList>("GET", "/provider-accounts")).data.find((account) => account.name === name)
    ?.wire;

/** Opens the dialog of an account from a freshly loaded page. */
async function edit(page: Page, name: string) {
  await page.goto(`${world.muster.url}/settings`);
  const row = page.getByRole("listitem").filter({ hasText: name });
  await row.getByRole("button", { name: "Edit" }).click();
  return page.getByRole("dialog", { name: `Edit ${name}` });
}

test("the format of an account is chosen, saved, and there again after a reload; others than OpenAI's kinds have none", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/settings`);
  await page.getByRole("button", { name: "Add an account" }).first().click();
  const adding = page.getByRole("dialog", { name: "Add a provider account" });
  const format = adding.getByLabel("Format");
  assert.equal(await format.inputValue(), "chat");
  await adding.getByLabel("Provider").selectOption("anthropic");
  await format.waitFor({ state: "detached" });
  await adding.getByLabel("Provider").selectOption("openai");
  await adding.getByLabel("Name").fill("Answers");
  await adding.getByLabel("API key").fill("sk-local-0000");
  await format.selectOption({ label: "Responses" });
  await adding.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("Account added").waitFor();
  assert.equal(await wireOf("Answers"), "responses");

  const saved = await edit(page, "Answers");
  assert.equal(await saved.getByLabel("Format").inputValue(), "responses");
  await saved.getByLabel("Format").selectOption({ label: "Chat completions" });
  await saved.getByRole("button", { name: "Save" }).click();
  await page.getByText("Account saved").waitFor();
  assert.equal(await wireOf("Answers"), "chat");
  const again = await edit(page, "Answers");
  assert.equal(await again.getByLabel("Format").inputValue(), "chat");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("prices are each model's own: saving something else keeps them, changing one keeps the others, half a price is refused", async () => {
  const large = { inputNanoUsdPerToken: 2_300, outputNanoUsdPerToken: 9_200, cacheReadNanoUsdPerToken: 230 };
  const small = { inputNanoUsdPerToken: 150, outputNanoUsdPerToken: 600 };
  await world.call("POST", "/provider-accounts", {
    kind: "openai",
    name: "Two prices",
    apiKey: "sk-local-0000",
    priceOverrides: { large, small },
  });
  const pricesNow = async () =>
    (await world.call<ProviderAccountList>("GET", "/provider-accounts")).data.find(({ name }) => name === "Two prices")
      ?.priceOverrides;
  const { page, troubles } = await world.open();
  const saved = async () => {
    await page.getByText("Account saved").waitFor();
    await page.getByRole("button", { name: "Dismiss" }).click();
  };
  let dialog = await edit(page, "Two prices");
  await dialog.getByLabel("Requests a minute").fill("60");
  await dialog.getByRole("button", { name: "Save" }).click();
  await saved();
  assert.deepEqual(await pricesNow(), { large, small });

  dialog = await edit(page, "Two prices");
  const lines = dialog.getByRole("group", { name: "Own prices" }).getByRole("listitem").locator("input");
  const shown = async () => Promise.all((await lines.all()).map((input) => input.inputValue()));
  assert.deepEqual(await shown(), ["large", "2.3", "9.2", "small", "0.15", "0.6"]);
  await dialog.getByLabel("In", { exact: true }).first().fill("2.5");
  await dialog.getByRole("button", { name: "Add a price" }).click();
  await dialog.getByLabel("Model", { exact: true }).last().fill("small");
  await dialog.getByLabel("In", { exact: true }).last().fill("2,5");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Write dollars such as 2.50.").waitFor();
  await dialog.getByText("Write both prices; 0 where it costs nothing.").waitFor();
  assert.equal(await dialog.getByText("This model has two prices.").count(), 2);
  assert.deepEqual(await pricesNow(), { large, small }, "nothing is saved before it is right");
  await dialog.getByRole("button", { name: "Remove the price of" }).last().click();
  await dialog.getByRole("button", { name: "Save" }).click();
  await saved();
  assert.deepEqual(await pricesNow(), { large: { ...large, inputNanoUsdPerToken: 2_500 }, small });
  assert.deepEqual(troubles, []);
  await page.close();
});

test("the same call twice is paid once: /usage and the dashboard say how much the cache saved", async () => {
  await world.call("POST", "/provider-accounts", {
    ...localAccount(server.url, "Priced", "house-model"),
    priceOverrides: { "house-model": { inputNanoUsdPerToken: 1_000, outputNanoUsdPerToken: 2_000 } },
  });
  const ask = async () => {
    const answer = await world.context.request.post(`${world.muster.url}/v1/chat/completions`, {
      headers: { origin: world.muster.url },
      data: {
        model: "house-model",
        temperature: 0,
        messages: [{ role: "user", content: "How long are backups kept?" }],
      },
    });
    assert.equal(answer.status(), 200, await answer.text());
    return answer.headers();
  };
  const [first, second] = [await ask(), await ask()];
  assert.equal(first["x-muster-saved-nano-usd"], undefined);
  const [billed] = server.ledger;
  assert.equal(server.ledger.length, 1, "the provider was asked once");
  const cost = (billed?.inputTokens ?? 0) * 1_000 + (billed?.outputTokens ?? 0) * 2_000;
  assert.equal(second["x-muster-saved-nano-usd"], String(cost));

  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/usage?by=model`);
  const figure = (name: string) => page.locator(`dt:text-is("${name}") + dd`).innerText();
  await page.getByRole("row", { name: /house-model/ }).waitFor();
  const dollars = `$${(cost / 1e9).toFixed(2)}`;
  assert.match(dollars, /^\$0\.2\d$/);
  assert.equal(await figure("Saved by caches"), dollars);
  assert.equal(await figure("Cost"), dollars);
  assert.equal(await figure("Calls"), "2");
  await page.getByText("50 % from our cache").waitFor();
  assert.deepEqual(
    await page
      .getByRole("row", { name: /house-model/ })
      .locator("td")
      .allInnerTexts(),
    [dollars, "2", "200k", (billed?.outputTokens ?? 0).toLocaleString("en-US"), "50 %", dollars],
  );
  await page.goto(world.muster.url);
  await page.locator("dt:text-is('Saved by caches') + dd").waitFor();
  assert.equal(await figure("Saved by caches"), dollars);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("with a budget and calls whose price nobody knows, /usage says both: what is spent of the budget, and that more came", async () => {
  await world.call("POST", "/provider-accounts", localAccount(server.url, "Unpriced", "free-for-all"));
  const answer = await world.context.request.post(`${world.muster.url}/v1/chat/completions`, {
    headers: { origin: world.muster.url },
    data: { model: "free-for-all", messages: [{ role: "user", content: "What does this cost?" }] },
  });
  assert.equal(answer.status(), 200, await answer.text());
  await world.call("PUT", "/budgets/instance", { limitNanoUsd: 5_000_000_000 });
  const summary = () => world.call<UsageSummary>("GET", "/usage/summary?groupBy=model");
  await waitUntil(
    10_000,
    () => "the call does not come into the usage",
    async () => (await summary()).total.unpricedCalls === 1,
  );
  const { total } = await summary();
  const dollars = `$${((total.costNanoUsd ?? 0) / 1e9).toFixed(2)}`;
  assert.notEqual(dollars, "$0.00", "what has a price was spent before");

  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/usage?by=model`);
  const figure = (name: string) => page.locator(`dt:text-is("${name}") + dd`).innerText();
  const row = (model: RegExp) => page.getByRole("row", { name: model }).locator("td").first();
  await row(/free-for-all/).waitFor();
  assert.equal(await figure("Cost"), `${dollars} + unknown`);
  await page.getByText("1 call of unknown price").waitFor();
  assert.equal(await row(/free-for-all/).innerText(), "unknown");
  assert.equal(await row(/house-model/).innerText(), dollars);
  // The budget counts what has a price.
  await page.getByRole("region", { name: "Budget" }).getByText(`${dollars} spent of $5.00 this month`).waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});
