import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConversationPage, TaskPage } from "#contracts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

// What a page shows and keeps when something comes between.

const world = sampledMuster();

/** Says something in a new chat and waits for the answer; returns the conversation. */
async function say(message: string): Promise<string> {
  const answer = await world.context.request.post(`${world.muster.url}/api/v1/agent/chat/stream`, {
    headers: { origin: world.muster.url, "idempotency-key": crypto.randomUUID() },
    data: { message, model: "muster/offline" },
  });
  assert.match(await answer.text(), /"done":true/);
  return (await world.call<ConversationPage>("GET", "/conversations?limit=30")).data[0]?.id ?? "";
}

test("what is said in a conversation that was opened is shown once, also when the history is read anew", async () => {
  const conversationId = await say("The first question");
  const { page } = await world.open();
  const messagesPath = `/conversations/${conversationId}/messages`;
  const line = page.waitForResponse("**/api/v1/changes");
  await page.goto(`${world.muster.url}/chat?conversation=${conversationId}`);
  await line;
  const log = page.getByRole("log", { name: "Conversation" });
  const said = (text: string) => log.getByText(`You: ${text}`, { exact: true });
  await said("The first question").waitFor();
  await page.getByRole("textbox", { name: "Message" }).fill("The second question");
  await page.getByRole("textbox", { name: "Message" }).press("Enter");
  await log
    .getByText(/ in, .* out ·/)
    .nth(1)
    .waitFor();
  assert.equal(await said("The second question").count(), 1);

  await world.muster.kill();
  await page.getByText("Reconnecting: what you see may be old.").waitFor();
  const readAnew = page.waitForResponse((answer) => answer.url().includes(messagesPath) && answer.ok());
  await world.muster.start();
  await (await readAnew).finished();
  await page.getByText("Reconnecting: what you see may be old.").waitFor({ state: "detached" });
  await page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
  assert.equal(await said("The first question").count(), 1);
  assert.equal(await said("The second question").count(), 1);

  await page.getByRole("button", { name: "New chat" }).click();
  await page.getByText("Ask something").waitFor();
  assert.equal(await page.evaluate("document.activeElement.id"), "chat-message", "one can write at once");
  await page.getByRole("list", { name: "Conversations" }).getByRole("button").first().click();
  await said("The second question").waitFor();
  assert.equal(await said("The first question").count(), 1);
  await page.close();
});

test("an answer shows its model, tokens and price as well when its conversation is opened again", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/chat`);
  await page.getByRole("textbox", { name: "Message" }).fill("What does this cost?");
  await page.getByRole("textbox", { name: "Message" }).press("Enter");
  const bill = page.getByRole("log", { name: "Conversation" }).getByText(/^offline · \d+ in, \d+ out · /);
  await bill.waitFor();
  const told = await bill.innerText();
  await page.reload();
  await bill.waitFor();
  assert.equal(await bill.innerText(), told);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a message that did not reach the server is said so in words and is there to be sent again", async () => {
  const { page } = await world.open();
  await page.goto(`${world.muster.url}/chat`);
  const field = page.getByRole("textbox", { name: "Message" });
  await page.route("**/api/v1/agent/chat/stream", (route) => route.abort());
  await field.fill("Said into the void");
  await field.press("Enter");
  await page.getByRole("log").getByText("The server did not answer. It may be restarting; try again.").waitFor();
  assert.equal(await field.inputValue(), "Said into the void");
  await page.unroute("**/api/v1/agent/chat/stream");
  await field.press("Enter");
  await page
    .getByRole("log")
    .getByText(/ in, .* out ·/)
    .waitFor();
  assert.equal(await field.inputValue(), "");
  await page.close();
});

test("what is typed in a chat survives a reload and a look at another conversation, and goes with its sending", async () => {
  const conversationId = await say("Where a draft is written");
  const { page, troubles } = await world.open();
  const field = page.getByRole("textbox", { name: "Message" });
  await page.goto(`${world.muster.url}/chat?conversation=${conversationId}`);
  await field.fill("Half a sentence");
  await page.reload();
  await page.getByRole("log").getByText("You: Where a draft is written").waitFor();
  assert.equal(await field.inputValue(), "Half a sentence");
  await page.getByRole("button", { name: "New chat" }).click();
  await page.getByText("Ask something").waitFor();
  assert.equal(await field.inputValue(), "");
  await field.fill("Another one");
  await page.getByRole("list", { name: "Conversations" }).getByRole("button", { name: "Where a draft" }).click();
  await page.getByRole("log").getByText("You: Where a draft is written").waitFor();
  assert.equal(await field.inputValue(), "Half a sentence");
  await field.press("Enter");
  await page.getByRole("log").getByText("You: Half a sentence", { exact: true }).waitFor();
  await page
    .getByRole("log")
    .getByText(/ in, .* out ·/)
    .nth(1)
    .waitFor();
  await page.reload();
  await page.getByRole("log").getByText("You: Half a sentence", { exact: true }).waitFor();
  assert.equal(await field.inputValue(), "");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a task that was created but could not be started is there once, and the board says what happened", async () => {
  const { page } = await world.open();
  await page.goto(`${world.muster.url}/projects/${world.samples.projectId}`);
  await page.getByRole("button", { name: "New task" }).click();
  await page.getByRole("dialog").getByLabel("Title").fill("Started in vain");
  await page.getByRole("dialog").getByLabel("Squad").selectOption({ index: 1 });
  await page.route("**/api/v1/tasks/*/executions", (route) => route.abort());
  await page.getByRole("button", { name: "Create and run" }).click();
  await page.getByText("The task was created, but not started").waitFor();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByRole("main").getByText("Started in vain").waitFor();
  const { data } = await world.call<TaskPage>("GET", `/tasks?projectId=${world.samples.projectId}&page=1&pageSize=100`);
  assert.equal(data.filter(({ title }) => title === "Started in vain").length, 1);
  await page.close();
});

test("an execution leads to its task, and its files begin with what the squad made", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/executions/${world.samples.executionId}?tab=files`);
  await page.getByRole("button", { name: /^report\.md/, pressed: true }).waitFor();
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await page.getByRole("dialog").getByText("Attachments").waitFor();
  assert.match(page.url(), new RegExp(`/projects/${world.samples.projectId}\\?task=${world.samples.taskId}$`));
  assert.deepEqual(troubles, []);
  await page.close();
});
