import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { BudgetPage, InvitationPage, ProjectAnswer, ProviderAccountList, SquadAnswer } from "#contracts";
import { localAccount, sampledMuster } from "../e2e/support/sampled-muster.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startOpenAiServer, type WireServer } from "../support/llm/index.ts";

// What one sets up: pressed in the page, then asked of the server whether it holds.

let database: TestDatabase;
let server: WireServer;
const world = sampledMuster({
  settings: async () => {
    [database, server] = await Promise.all([createTestDatabase(), startOpenAiServer({})]);
    return { DATABASE_URL: database.url };
  },
});
after(async () => {
  await server?.close();
  await database?.drop();
});

test("an account is tested, turned off and on again", async () => {
  await world.call("POST", "/provider-accounts", localAccount(server.url, "House", "house-model"));
  const enabled = async () =>
    (await world.call<ProviderAccountList>("GET", "/provider-accounts")).data.find(({ name }) => name === "House")
      ?.enabled;
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/settings`);
  const row = page.getByRole("listitem").filter({ hasText: "House" });
  await row.getByRole("button", { name: "Test" }).click();
  await row
    .getByRole("status")
    .getByText(/^It answers in/)
    .waitFor();
  await row.getByRole("button", { name: "Turn off" }).click();
  await row.getByText("Off", { exact: true }).waitFor();
  assert.equal(await enabled(), false);
  await row.getByRole("button", { name: "Turn on" }).click();
  await row.getByText("Off", { exact: true }).waitFor({ state: "detached" });
  assert.equal(await enabled(), true);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("an invitation shows its link once and is listed; it is withdrawn when one says so", async () => {
  const open = async () => (await world.call<InvitationPage>("GET", "/invitations")).data.map(({ email }) => email);
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/settings?part=people`);
  const invite = page.getByRole("button", { name: "Invite" });
  assert.equal(await invite.isDisabled(), true);
  await page.getByLabel("E-mail of whom to invite").fill("cleo@example.org");
  await invite.click();
  const link = page.getByRole("dialog", { name: "Invitation for cleo@example.org" });
  assert.match(await link.locator("code").innerText(), /\/join\?token=\S{20,}/);
  await page.keyboard.press("Escape");
  await link.waitFor({ state: "detached" });
  assert.deepEqual(await open(), ["cleo@example.org"]);
  await page.getByRole("button", { name: "Withdraw the invitation of cleo@example.org" }).click();
  await page.getByRole("button", { name: "Withdraw it" }).click();
  await page.getByText("Invitation withdrawn").waitFor();
  assert.deepEqual(await open(), []);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("the budget of all squads is set, shown with its meter here and on /usage, changed, and removed with a way back", async () => {
  const limit = async () =>
    (await world.call<BudgetPage>("GET", "/budgets")).data.find(({ level }) => level === "instance")?.limitNanoUsd;
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/usage`);
  await page.getByRole("link", { name: "Set a budget" }).click();
  const amount = page.getByLabel("Limit in US dollars");
  await amount.fill("many");
  await page.getByRole("button", { name: "Set", exact: true }).click();
  await page.getByText("Write an amount such as").waitFor();
  await amount.fill("12.50");
  await page.getByRole("button", { name: "Set", exact: true }).click();
  await page.getByRole("button", { name: "Change" }).waitFor();
  assert.equal(await limit(), 12_500_000_000);
  await page.getByRole("meter", { name: "Budget of Spent used" }).waitFor();
  await amount.fill("20");
  await page.getByRole("button", { name: "Change" }).click();
  await page.getByText("of $20.00 this month").waitFor();
  assert.equal(await limit(), 20_000_000_000);
  await page.getByRole("link", { name: "Usage" }).first().click();
  await page.getByRole("region", { name: "Budget" }).getByText("of $20.00 this month").waitFor();
  await page.goBack();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByRole("button", { name: "Set", exact: true }).waitFor();
  assert.equal(await limit(), undefined);
  await page.getByRole("region", { name: "Messages" }).getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "Change" }).waitFor();
  assert.equal(await limit(), 20_000_000_000);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("another member is made the lead, and a project gets another name", async () => {
  const { page, troubles } = await world.open();
  const squad = async () => (await world.call<SquadAnswer>("GET", `/squads/${world.samples.squadId}`)).squad;
  const before = await squad();
  const next = before.members.find(({ isLead }) => !isLead);
  assert.ok(next);
  await page.goto(`${world.muster.url}/squads/${before.id}`);
  await page.locator("ol > li").filter({ hasText: next.name }).locator("[aria-expanded]").first().click();
  await page.getByRole("button", { name: "Make the lead" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("All changes are saved").waitFor();
  const leads = (await squad()).members.filter(({ isLead }) => isLead).map(({ name }) => name);
  assert.deepEqual(leads, [next.name]);

  await page.goto(`${world.muster.url}/projects/${world.samples.projectId}`);
  await page.getByRole("button", { name: "More about this project" }).click();
  await page.getByRole("menuitem", { name: "Edit" }).click();
  await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("Operations and keys");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByText("Project saved").waitFor();
  await page.getByRole("heading", { level: 1, name: "Operations and keys" }).waitFor();
  const { project } = await world.call<ProjectAnswer>("GET", `/projects/${world.samples.projectId}`);
  assert.equal(project.name, "Operations and keys");
  assert.deepEqual(troubles, []);
  await page.close();
});
