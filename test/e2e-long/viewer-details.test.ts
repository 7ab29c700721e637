import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type LongConversation, openLongConversation } from "../e2e/support/long-conversation.ts";
import { frames, idOf, isInView, newestNumber, showsNewest, watchOlder } from "../e2e/support/message-view.ts";
import { watchedPage } from "../e2e/support/people.ts";
import { waitUntil } from "../e2e/support/running-muster.ts";

let conversation: LongConversation;
before(async () => {
  conversation = await openLongConversation();
});
after(() => conversation?.close());

test("a passage becomes part of the list where it meets the newest messages, and nothing moves", async () => {
  const { page, troubles } = await watchedPage(conversation.context, conversation.muster);
  await page.goto(`${conversation.address}#message-${await idOf(conversation.database, 9800)}`);
  await isInView(page, 9800);
  const log = page.locator("[role=log]");
  const top = () =>
    page.locator("article", { hasText: "Message 9800:" }).evaluate((row) => row.getBoundingClientRect().top);
  await page.evaluate(frames(30));
  const before = await top();
  // By the keyboard's click alone, without a scroll event.
  await page
    .getByRole("button", { name: "Newer messages below" })
    .evaluate((button) => (button as unknown as { click(): void }).click());
  await page.getByRole("button", { name: "Newer messages below" }).waitFor({ state: "detached" });
  // There would be a button again if the two had not met.
  await page.getByLabel("Loading newer messages").waitFor({ state: "detached" });
  await page.evaluate(frames(30));
  assert.equal(await page.getByRole("button", { name: "Newer messages below" }).count(), 0);
  assert.ok(Math.abs((await top()) - before) < 2, "the message of the link moved");
  await log.hover();
  await page.keyboard.press("End");
  await showsNewest(page, await newestNumber(conversation.database));
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a search or a step with a few matches among 10,000 messages asks the server once", async () => {
  const { page, troubles } = await conversation.open();
  const asked = await watchOlder(page);
  const field = page.getByLabel("Search the messages");
  await field.fill("lighthouse");
  await page.getByText("2 matches", { exact: true }).waitFor();
  for (const number of [10, 9990]) await page.locator("article", { hasText: `Message ${number}:` }).waitFor();
  assert.equal(asked.count, 1);
  await field.fill("lighthouse on the moon");
  await page.getByText("No message says that").waitFor();
  await page.getByText("0 matches", { exact: true }).waitFor();
  assert.equal(asked.count, 2);
  await page.close();

  const other = await conversation.open();
  const askedByStep = await watchOlder(other.page);
  await other.page.locator("ol button[aria-pressed]").first().click();
  for (const number of [10, 9990]) await other.page.locator("article", { hasText: `Message ${number}:` }).waitFor();
  assert.equal(askedByStep.count, 1);
  assert.deepEqual([...troubles, ...other.troubles], []);
  await other.page.close();
});

test("the plan shows what all calls of a step cost", async () => {
  const { page, troubles } = await conversation.open();
  await page.getByRole("listitem").getByText("$0.45", { exact: true }).waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});

test("older messages that cannot be loaded are asked for once, and again when one presses the button", async () => {
  const { page, troubles } = await conversation.open();
  const older = await watchOlder(page);
  older.failing = true;
  const retry = page.getByRole("button", { name: /try again/i });
  for (const search of ["lighthouse", "Message 9700:"]) {
    // The first has one match here already, the second none.
    await page.getByLabel("Search the messages").fill(search);
    await retry.waitFor();
    await page.evaluate(frames(30));
    assert.equal(older.count, 1, `${search}: asked again without being told to`);
    if (search === "lighthouse") {
      await retry.click();
      await retry.waitFor();
      await page.evaluate(frames(30));
      assert.equal(older.count, 2, "one press, one request");
      older.count = 0;
    }
  }

  older.failing = false;
  await retry.click();
  await page.locator("article", { hasText: "Message 9700:" }).waitFor();
  assert.deepEqual(
    troubles.filter((trouble) => !/status of 500/.test(trouble)),
    [],
  );
  await page.close();
});

test("the line above the first message is a button that loads older ones", async () => {
  const { page, troubles } = await conversation.open();
  const older = await watchOlder(page);
  // Without a scroll event: by the keyboard's click alone.
  await page
    .getByRole("button", { name: "Older messages above" })
    .evaluate((button) => (button as unknown as { click(): void }).click());
  await waitUntil(
    10_000,
    () => "No older messages are asked for",
    async () => older.count === 1,
  );
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a link to a message that is not there says so, and nothing is loaded to find that out", async () => {
  const near = (await idOf(conversation.database, 5000)).replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
  for (const id of [near, "00000000-0000-7000-8000-000000000000", "nonsense"]) {
    const { page, troubles } = await watchedPage(conversation.context, conversation.muster);
    const older = await watchOlder(page);
    await page.goto(`${conversation.address}#message-${id}`);
    await page.getByText("The message of this link is not here").waitFor();
    await page.locator("article").nth(2).waitFor();
    await page.evaluate(frames(30));
    assert.equal(older.count, 0, id);
    assert.deepEqual(troubles, []);
    await page.close();
  }
});
