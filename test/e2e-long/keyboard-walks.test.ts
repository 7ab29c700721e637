import assert from "node:assert/strict";
import { after, test } from "node:test";
import type {
  ApiKeyList,
  ExecutionAnswer,
  ExecutionStateAnswer,
  ProviderAccountList,
  SquadAnswer,
  TaskAnswer,
} from "#contracts";
import { assertFocused, keyboardOf } from "../e2e/support/keyboard.ts";
import { type PacedProvider, startPacedProvider } from "../e2e/support/paced-provider.ts";
import { waitUntil } from "../e2e/support/running-muster.ts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

// Walks with the keyboard alone: at every stop the focus is there and seen, and no pointer is used.

let provider: PacedProvider;
const released = Promise.withResolvers<void>();
const world = sampledMuster({
  prepare: async () => {
    provider = await startPacedProvider({
      latencyMs: 0,
      wordsPerSecond: 100,
      answer: (message) => (message === "Tell it at length" ? "one two three four five six seven" : null),
      hold: () => released.promise,
    });
  },
});
after(async () => {
  released.resolve();
  await provider?.close();
});

/** A page that is used with the keyboard alone. */
async function walk(path: string) {
  const { page, troubles } = await world.open();
  const keys = await keyboardOf(page);
  await page.goto(world.muster.url + path);
  return {
    page,
    keys,
    /** Nothing went wrong, and no pointer was used. */
    end: async () => {
      assert.equal(await keys.pointerUses(), 0);
      assert.deepEqual(troubles, []);
      await page.close();
    },
  };
}

test("a provider account is added and an API key made, copied down and revoked", async () => {
  const { page, keys, end } = await walk("/settings");
  await keys.enter(page.getByRole("button", { name: "Add an account" }));
  const dialog = page.getByRole("dialog", { name: "Add a provider account" });
  await keys.to(dialog.getByLabel("Provider"));
  await page.keyboard.type("OpenAI comp");
  assert.equal(await dialog.getByLabel("Provider").inputValue(), "openai_compatible");
  await keys.fill(dialog.getByLabel("Name"), "By keyboard");
  await keys.fill(dialog.getByLabel("API key"), "sk-local-0000");
  await keys.fill(dialog.getByLabel("Address"), provider.baseUrl);
  await keys.fill(dialog.getByLabel("Models"), provider.model);
  await keys.to(dialog.getByLabel("It may be on this machine"));
  await keys.press("Space");
  await keys.enter(dialog.getByRole("button", { name: "Add", exact: true }));
  await page.getByText("Account added").waitFor();
  await dialog.waitFor({ state: "detached" });
  await assertFocused(page, "adding an account");
  const { data: accounts } = await world.call<ProviderAccountList>("GET", "/provider-accounts");
  assert.ok(accounts.some(({ name, allowPrivateAddress }) => name === "By keyboard" && allowPrivateAddress));

  await keys.to(page.getByRole("tab", { selected: true }));
  for (let tries = 0; tries < 10 && !page.url().includes("part=keys"); tries++) await keys.press("ArrowRight");
  await keys.fill(page.getByLabel("Name of the new key"), "Build server");
  await keys.press("Enter");
  const secret = page.getByRole("dialog", { name: "Your new key" });
  await secret.waitFor();
  await keys.enter(secret.getByRole("button", { name: "Done" }));
  await secret.waitFor({ state: "detached" });
  await assertFocused(page, "making a key");
  await keys.enter(page.getByRole("button", { name: "Revoke Build server" }));
  await keys.enter(page.getByRole("dialog").getByRole("button", { name: "Revoke the key" }));
  await page.getByText("Key revoked").waitFor();
  await page.getByText("No key yet").waitFor();
  const { data: left } = await world.call<ApiKeyList>("GET", "/api-keys");
  assert.deepEqual(
    left.filter(({ revokedAt }) => !revokedAt),
    [],
  );
  await end();
});

test("in the chat a message is sent, its answer stopped, and another conversation begun", async () => {
  const { page, keys, end } = await walk("/chat");
  await keys.to(page.getByLabel("Whom to chat with"));
  const chosen = () => page.getByLabel("Whom to chat with").inputValue();
  for (let tries = 0; tries < 300 && !(await chosen()).endsWith(`/${provider.model}`); tries++)
    await keys.press("ArrowDown");
  await keys.fill(page.getByRole("textbox", { name: "Message" }), "Tell it at length");
  await keys.press("Enter");
  const log = page.getByRole("log", { name: "Conversation" });
  await log.getByText("one two three").waitFor();
  await keys.enter(page.getByRole("button", { name: "Stop" }));
  await log.getByText("Stopped").waitFor();
  await page.getByRole("button", { name: "Send" }).waitFor();
  await assertFocused(page, "stopping an answer");
  await page.keyboard.type("Shorter, please");
  assert.equal(await page.getByRole("textbox", { name: "Message" }).inputValue(), "Shorter, please");
  await keys.enter(page.getByRole("button", { name: "New chat" }));
  await page.getByText("Ask something").waitFor();
  assert.ok(await page.getByRole("textbox", { name: "Message" }).evaluate((field) => field.matches(":focus")));
  await end();
});

test("the files of an execution are looked through one after another", async () => {
  const { page, keys, end } = await walk(`/executions/${world.samples.executionId}`);
  await keys.to(page.getByRole("tab", { name: "Messages" }));
  for (let tries = 0; tries < 5 && !page.url().includes("tab=files"); tries++) await keys.press("ArrowRight");
  const files = page.getByRole("list", { name: "Files" });
  await files.waitFor();
  const given = files.getByRole("button", { name: /keeping-data\.md/ });
  assert.equal(await given.getAttribute("aria-pressed"), "false");
  await keys.enter(given);
  await files.getByRole("button", { name: /keeping-data\.md/, pressed: true }).waitFor();
  await page.getByText("Backups are made every night").waitFor();
  await assertFocused(page, "choosing a file");
  await keys.to(page.getByRole("link", { name: /Download/ }).or(page.getByRole("button", { name: /Download/ })));
  await end();
});

test("a plan is approved", async () => {
  const { squad } = await world.call<SquadAnswer>("POST", "/squads", {
    template: "research-report",
    name: "Asks first",
    model: "muster/offline",
    requireApproval: true,
  });
  const { task } = await world.call<TaskAnswer>("POST", "/tasks", {
    projectId: world.samples.projectId,
    squadId: squad.id,
    title: "Wait for a yes",
    description: "Say how often backups are tested. They are tested every two days.",
  });
  const { execution } = await world.call<ExecutionStateAnswer>("POST", `/tasks/${task.id}/executions`, {});
  const statusIs = (wanted: string) =>
    waitUntil(
      60_000,
      () => `The execution is not ${wanted}`,
      async () => {
        const answer = await world.call<ExecutionAnswer>("GET", `/executions/${execution.id}`);
        return answer.execution.status === wanted;
      },
    );
  await statusIs("awaiting_approval");
  const { page, keys, end } = await walk("/");
  await keys.enter(page.getByRole("main").getByRole("link", { name: /Wait for a yes/ }));
  await page.getByRole("heading", { level: 1, name: "Wait for a yes" }).waitFor();
  await assertFocused(page, "opening an execution");
  await keys.enter(page.getByRole("button", { name: "Approve", exact: true }));
  await statusIs("completed");
  await page.getByText("Completed", { exact: true }).first().waitFor();
  await assertFocused(page, "approving a plan");
  await end();
});
