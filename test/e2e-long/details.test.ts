import assert from "node:assert/strict";
import { test } from "node:test";
import sharp from "sharp";
import type {
  ExecutionFileList,
  ExecutionStateAnswer,
  NewAttachment,
  SquadAnswer,
  TaskAnswer,
  ToolCallPage,
} from "#contracts";
import { waitUntil } from "../e2e/support/running-muster.ts";
import { localAccount, sampledMuster } from "../e2e/support/sampled-muster.ts";
import { runTask } from "../e2e/support/samples.ts";

const world = sampledMuster();

async function photograph(colour: string) {
  const buffer = await sharp({ create: { width: 640, height: 480, channels: 3, background: colour } })
    .jpeg()
    .toBuffer();
  return { name: "me.jpg", mimeType: "image/jpeg", buffer };
}

test("a person and a member get a picture, see it after a reload, and get a removed one back", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/settings?part=profile`);
  await page.getByLabel(/^Picture of/).setInputFiles(await photograph("#7a3b2e"));
  await page.getByText("Picture saved").waitFor();
  const own = page.locator("#settings-part img");
  await own.waitFor();
  await page.reload();
  await own.waitFor();
  const shown = await own.evaluate(
    (image: { currentSrc: string; naturalWidth: number; loading: string; width: number; height: number }) => ({
      source: new URL(image.currentSrc).pathname,
      wide: image.naturalWidth > 0,
      lazy: image.loading,
      size: [image.width, image.height],
    }),
  );
  assert.match(shown.source, /^\/api\/v1\/avatars\/[\w-]{22}\/40\.avif$/);
  assert.deepEqual([shown.wide, shown.lazy, shown.size], [true, "lazy", [40, 40]]);
  await page.getByRole("button", { name: "Remove picture" }).click();
  await own.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await own.waitFor();

  await page.goto(`${world.muster.url}/squads/${world.samples.squadId}`);
  await page.locator("ol [aria-expanded]").first().click();
  await page.getByLabel("Instructions").fill("Not saved yet");
  await page.getByLabel(/^Picture of/).setInputFiles(await photograph("#2e5b7a"));
  await page.getByText("Picture saved").waitFor();
  await page.locator("ol img").first().waitFor();
  assert.equal(await page.getByLabel("Instructions").inputValue(), "Not saved yet");
  await page.goto(`${world.muster.url}/executions/${world.samples.executionId}`);
  await page.locator("article").first().waitFor();
  await page.locator("main img").first().waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});

test("after a reload, tool calls show what came of them; a file shows what was changed in it", async () => {
  const calls = await world.call<ToolCallPage>("GET", `/executions/${world.samples.executionId}/tool-calls`);
  assert.ok(calls.data.length > 0, "the squad used its tools");
  const files = await world.call<ExecutionFileList>("GET", `/executions/${world.samples.executionId}/files`);
  const made = files.data.find((file) => !file.path.startsWith("attachments/"));
  assert.ok(made, "the squad made a file");
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/executions/${world.samples.executionId}`);
  const folded = page.locator("article details").filter({ has: page.getByRole("img", { name: "Completed" }) });
  await folded.first().waitFor();
  await folded.first().locator("summary").click();
  await folded.first().getByText("Result", { exact: true }).waitFor();
  await page.goto(`${world.muster.url}/executions/${world.samples.executionId}?tab=files`);
  await page.getByRole("list", { name: "Files" }).getByText(made.path).click();
  await page.getByRole("button", { name: "Changes" }).click();
  await page.getByRole("region", { name: `Changes of ${made.path}` }).waitFor();
  assert.ok((await page.locator("tr:has-text('added: ')").count()) > 0);
  assert.deepEqual(troubles, []);
  await page.close();
});

/** An SVG that would run a script if it were opened as a page of ours. */
const livelySvg = `<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><script>globalThis.harmed = true</script></svg>`;

test("pictures among the files are shown, each as its own type; an SVG, or what only has the name of a picture, is not", async () => {
  const points = sharp({ create: { width: 64, height: 48, channels: 3, background: "#7a3b2e" } });
  const contents: [name: string, content: Buffer | string, mediaType: string, shown: boolean][] = [
    ["a.png", await points.clone().png().toBuffer(), "image/png", true],
    ["b.jpg", await points.clone().jpeg().toBuffer(), "image/jpeg", true],
    ["c.webp", await points.clone().webp().toBuffer(), "image/webp", true],
    ["d.gif", await points.clone().gif().toBuffer(), "image/gif", true],
    ["e.svg", livelySvg, "application/octet-stream", false],
    ["f.png", livelySvg, "image/png", false],
  ];
  const attachments: NewAttachment[] = contents.map(([name, content]) => ({
    name,
    contentBase64: Buffer.from(content).toString("base64"),
  }));
  const { task } = await world.call<TaskAnswer>("POST", "/tasks", {
    projectId: world.samples.projectId,
    squadId: world.samples.squadId,
    title: "Look at these",
    description: "Say what is known.",
    attachments,
  });
  const executionId = await runTask(world.call, task.id);
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/executions/${executionId}?tab=files`);
  for (const [name, , mediaType, shown] of contents) {
    const path = `attachments/${name}`;
    const { headers } = await world.context.request
      .get(`${world.muster.url}/api/v1/executions/${executionId}/files/${path}`)
      .then((answer) => ({ headers: answer.headers() }));
    assert.equal(headers["content-type"], mediaType, name);
    assert.equal(headers["x-content-type-options"], "nosniff", name);
    assert.match(headers["content-security-policy"] ?? "", /default-src 'none'.*sandbox/, name);
    await page.getByRole("list", { name: "Files" }).getByText(path).click();
    if (shown) {
      const picture = page.getByRole("img", { name: path, exact: true });
      const wide = await picture.evaluate(async (image: { decode(): Promise<void>; naturalWidth: number }) => {
        await image.decode();
        return image.naturalWidth;
      });
      assert.equal(wide, 64, name);
    } else await page.getByText(mediaType === "image/png" ? "Not a picture" : "No preview for this kind").waitFor();
  }
  assert.equal(await page.evaluate("globalThis.harmed"), undefined);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("files are attached one by one, in sight; what is refused says why, and is tried again without being chosen again", async () => {
  const { page } = await world.open();
  const { task } = await world.call<TaskAnswer>("POST", "/tasks", {
    projectId: world.samples.projectId,
    title: "Collect papers",
  });
  await page.goto(`${world.muster.url}/projects/${world.samples.projectId}?task=${task.id}`);
  const dialog = page.getByRole("dialog");
  const names = ["one.txt", "two.txt", "three.txt", "four.txt"];
  let refusing = true;
  const third = Promise.withResolvers<void>();
  await page.route(`**/api/v1/tasks/${task.id}/attachments`, async (route) => {
    const body = route.request().postDataJSON() as { attachments: NewAttachment[] };
    const [{ name } = { name: "" }] = body.attachments;
    if (name === "three.txt") await third.promise;
    if (name === "two.txt" && refusing) {
      const problem = { status: 503, code: "unavailable", title: "Too busy", detail: "Try in a minute." };
      await route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify(problem) });
    } else await route.continue();
  });
  const chooseFiles = async (chosen: string[], content: Buffer) =>
    dialog
      .getByLabel("Add files")
      .last()
      .setInputFiles(chosen.map((name) => ({ name, mimeType: "text/plain", buffer: content })));
  await chooseFiles(names, Buffer.from("Paper"));
  await dialog.getByRole("button", { name: "Adding 3 of 4" }).waitFor();
  third.resolve();
  const refused = dialog.getByRole("list", { name: "Not attached" });
  await refused.getByText("two.txt").waitFor();
  await refused.getByText("Try in a minute.").waitFor();
  for (const name of ["one.txt", "three.txt", "four.txt"])
    await dialog.getByRole("link", { name: `Download ${name}` }).waitFor();
  refusing = false;
  await dialog.getByRole("button", { name: "Try again" }).click();
  await dialog.getByRole("link", { name: "Download two.txt" }).waitFor();
  await refused.waitFor({ state: "detached" });

  await chooseFiles(["five.txt"], Buffer.alloc(5_242_881, "x"));
  await refused.getByText("larger than 5 MB").waitFor();
  await dialog.getByRole("button", { name: "Leave them out" }).click();
  await refused.waitFor({ state: "detached" });
  const stored = (await world.call<TaskAnswer>("GET", `/tasks/${task.id}`)).task.attachments;
  assert.deepEqual(stored.map(({ name }) => name).sort(), [...names].sort());
  await page.close();
});

test("the owner changes how long journals stay whole, and takes it back", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/settings?part=retention`);
  const days = page.getByLabel("Days after the end");
  await days.fill("0");
  await page.getByText("A whole number from 1").waitFor();
  await days.fill("7");
  await page.getByText("does not come back").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved", { exact: true }).waitFor();
  assert.equal(await days.inputValue(), "7");
  await page.getByRole("button", { name: "Undo" }).click();
  await waitUntil(
    5_000,
    () => "The days stay as they are",
    async () => (await days.inputValue()) === "30",
  );
  await page.getByText("Whole database").waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});

test("dashboard and board follow what happens elsewhere without asking; an approval is given on the dashboard", async () => {
  const dashboard = await world.open();
  const board = await world.open();
  let asked = 0;
  dashboard.page.on("request", (request) => {
    if (new URL(request.url()).pathname === "/api/v1/dashboard") asked += 1;
  });
  const following = dashboard.page.waitForResponse(/\/api\/v1\/changes$/);
  await dashboard.page.goto(world.muster.url);
  await dashboard.page.getByText("Nothing is running").waitFor();
  await following;
  await board.page.goto(`${world.muster.url}/projects/${world.samples.projectId}`);
  await board.page.getByRole("heading", { name: "Pending" }).waitFor();
  const { squad } = await world.call<SquadAnswer>("POST", "/squads", {
    template: "research-report",
    name: "Careful desk",
    requireApproval: true,
  });
  const { task } = await world.call<TaskAnswer>("POST", "/tasks", {
    projectId: world.samples.projectId,
    squadId: squad.id,
    title: "Ask me first",
    description: "Say what is known about backups.",
  });
  await board.page.getByText("Ask me first").waitFor();
  const before = asked;
  await world.call<ExecutionStateAnswer>("POST", `/tasks/${task.id}/executions`, {});
  const approve = dashboard.page.getByRole("button", { name: "Approve: Ask me first" });
  await approve.waitFor();
  assert.equal(asked, before, "nobody asked for the dashboard again");
  await approve.click();
  await approve.waitFor({ state: "detached" });
  await waitUntil(
    30_000,
    () => "The card does not move to the column of what is done",
    async () =>
      (await board.page
        .locator("section, li, div")
        .filter({ hasText: /^Completed/ })
        .getByText("Ask me first")
        .count()) > 0,
  );
  const notices = dashboard.page
    .locator("section")
    .filter({ has: dashboard.page.getByRole("heading", { name: "Notifications" }) });
  await notices.getByText("Ask me first").first().waitFor();
  assert.deepEqual([...dashboard.troubles, ...board.troubles], []);
  await dashboard.page.close();
  await board.page.close();
});

test("the window is named after the thing one looks at, and after the page again when one leaves it", async () => {
  const { page, troubles } = await world.open();
  const { squad } = await world.call<SquadAnswer>("GET", `/squads/${world.samples.squadId}`);
  const isNamed = (title: string) =>
    waitUntil(
      10_000,
      () => `The window is not named ${title}`,
      async () => (await page.title()) === `${title} · Muster`,
    );
  await page.goto(`${world.muster.url}/squads/${squad.id}`);
  await isNamed(squad.name);
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Projects" }).click();
  await isNamed("Projects");
  // Next writes a page's title more than once: none of them brings back the name of what is gone.
  await page.waitForTimeout(500);
  assert.equal(await page.title(), "Projects · Muster");
  await page.goBack();
  await isNamed(squad.name);
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a model is written as its provider calls it, in the builder, the chat and the settings", async () => {
  const account = { ...localAccount("http://127.0.0.1:9/v1", "Known models", "gpt-4.1"), kind: "openai" };
  await world.call("POST", "/provider-accounts", account);
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/settings?part=models`);
  await page.getByRole("rowheader", { name: /^gpt-4\.1( Default)?$/ }).waitFor();
  await page.goto(`${world.muster.url}/chat`);
  const chat = page.getByLabel("Whom to chat with");
  assert.match(await chat.locator('option[value="model:openai/gpt-4.1"]').innerText(), /^gpt-4\.1 \(/);
  await page.goto(`${world.muster.url}/squads/${world.samples.squadId}`);
  const member = page.locator("ol [aria-expanded]").first();
  await member.click();
  const model = page.getByLabel("Model", { exact: true });
  assert.match(await model.locator('option[value="openai/gpt-4.1"]').innerText(), /^gpt-4\.1 \(/);
  await model.selectOption("openai/gpt-4.1");
  await member.getByText(/ · gpt-4\.1$/).waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});
