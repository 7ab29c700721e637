import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, BrowserContext } from "playwright-core";
import sharp from "sharp";
import type {
  ConversationPage,
  CreatedInvitation,
  ExecutionFileList,
  ModelList,
  ProjectAnswer,
  SquadAnswer,
  TaskAnswer,
} from "#contracts";
import { launchBrowser } from "../support/browser.ts";
import { ben, type Call, callerOf, claim, desk, openContext, watchedPage } from "./support/people.ts";
import { type RunningMuster, runMuster, waitUntil } from "./support/running-muster.ts";
import { runTask } from "./support/samples.ts";

// Two people with work of their own on one installation: neither sees the other's, on any page or by any address.

interface World {
  context: BrowserContext;
  /** Stands in everything this person made, and nowhere else. */
  word: string;
  /** Pages by an id, of what is theirs alone. */
  pages: string[];
  /** Reads by an id, of what is theirs alone. */
  reads: string[];
}

let muster: RunningMuster;
let browser: Browser;
let owner: World;
let guest: World;
before(async () => {
  [muster, browser] = await Promise.all([runMuster(), launchBrowser()]);
  const first = await openContext(browser, "light", desk);
  const ownerCall = await claim(first, muster);
  const { token } = await ownerCall<CreatedInvitation>("POST", "/invitations", { email: ben.email });
  const second = await openContext(browser, "light", desk);
  const guestCall = callerOf(second, muster);
  await guestCall("POST", "/auth/accept-invitation", { token, name: ben.name, password: ben.password });
  owner = await makeWorld(first, ownerCall, "Zephyrquill", "#336699");
  guest = await makeWorld(second, guestCall, "Quokkamoor", "#996633");
});
after(async () => {
  await browser?.close();
  await muster?.stop();
});

/** One of everything that pages show, made through the API, with the word in all of it. */
async function makeWorld(context: BrowserContext, call: Call, word: string, colour: string): Promise<World> {
  const { squad } = await call<SquadAnswer>("POST", "/squads", { template: "research-report", name: `${word} squad` });
  const member = squad.members[0];
  assert.ok(member);
  const imageBase64 = (
    await sharp({ create: { width: 64, height: 64, channels: 3, background: colour } })
      .png()
      .toBuffer()
  ).toString("base64");
  const pictured = await call<SquadAnswer>("PUT", `/squads/${squad.id}/members/${member.id}/avatar`, { imageBase64 });
  const avatar = pictured.squad.members.find(({ id }) => id === member.id)?.avatarKey?.slice(0, 22);
  assert.ok(avatar);
  await call("PUT", `/budgets/squads/${squad.id}`, { limitNanoUsd: 25_000_000_000 });
  const { project } = await call<ProjectAnswer>("POST", "/projects", { name: `${word} project` });
  const { task } = await call<TaskAnswer>("POST", "/tasks", {
    projectId: project.id,
    squadId: squad.id,
    title: `${word} task`,
    description: `Say what ${word} means, with sources.`,
    attachments: [
      {
        name: `${word}.md`,
        mediaType: "text/markdown",
        contentBase64: Buffer.from(`# ${word}\n\n${word} is tested.`).toString("base64"),
      },
    ],
  });
  const executionId = await runTask(call, task.id);
  const { data: files } = await call<ExecutionFileList>("GET", `/executions/${executionId}/files`);
  const { defaultModel } = await call<ModelList>("GET", "/models");
  const answer = await context.request.post(`${muster.url}/api/v1/agent/chat/stream`, {
    headers: { origin: muster.url, "idempotency-key": crypto.randomUUID() },
    data: { message: `${word} conversation`, model: defaultModel },
  });
  assert.ok(answer.ok(), await answer.text());
  const { data: conversations } = await call<ConversationPage>("GET", "/conversations?limit=30");
  await call("POST", "/api-keys", { name: `${word} key` });
  await call("POST", "/provider-accounts", {
    kind: "openai",
    name: `${word} account`,
    apiKey: "sk-local-0000",
    models: ["gpt-4o-mini"],
  });
  return {
    context,
    word,
    pages: [
      `/squads/${squad.id}`,
      `/projects/${project.id}`,
      `/projects/${project.id}?task=${task.id}`,
      ...["", "?tab=plan", "?tab=result", "?tab=files", "?tab=calls"].map((tab) => `/executions/${executionId}${tab}`),
    ],
    reads: [
      `/squads/${squad.id}`,
      `/projects/${project.id}`,
      `/tasks/${task.id}`,
      `/tasks/${task.id}/attachments/${task.attachments[0]?.id}`,
      `/executions/${executionId}`,
      `/executions/${executionId}/messages?limit=100`,
      `/executions/${executionId}/llm-calls`,
      `/executions/${executionId}/tool-calls`,
      `/executions/${executionId}/events?after=0`,
      `/executions/${executionId}/files`,
      ...files.map(({ path }) => `/executions/${executionId}/files/${path}`),
      `/conversations/${conversations[0]?.id}`,
      `/conversations/${conversations[0]?.id}/messages?limit=200`,
      `/avatars/${avatar}/40.avif`,
    ],
  };
}

/** Pages of which each person has one, and whether the words of their own work stand on it. */
const sharedPages: [path: string, hasWord: boolean][] = [
  ["/", true],
  ["/squads", true],
  ["/squads/new", false],
  ["/projects", true],
  ["/executions", true],
  ["/chat", true],
  ["/notifications", true],
  ["/usage", true],
  ["/performance", false],
  ["/settings", true],
  ["/settings?part=models", false],
  ["/settings?part=budgets", true],
  ["/settings?part=keys", true],
  ["/settings?part=people", false],
  ["/settings?part=retention", false],
  ["/settings?part=profile", false],
  ["/shortcuts", false],
];

for (const [who, worldsOf] of [
  ["the owner", () => [owner, guest]],
  ["the guest", () => [guest, owner]],
] as const) {
  test(`${who} finds their own work on every page, and none of the other's: neither drawn, in the document, nor in any answer`, async () => {
    const [mine, theirs] = worldsOf() as [World, World];
    const { page, forget } = await watchedPage(mine.context, muster);
    const answers: { url: string; text: Promise<string> }[] = [];
    page.on("response", (response) => {
      const type = response.headers()["content-type"] ?? "";
      // A stream has no end to wait for; what it brings is drawn.
      if (!/json|html/.test(type)) return;
      answers.push({ url: response.url(), text: response.text().catch(() => "") });
    });
    const check = async (path: string) => {
      assert.doesNotMatch(await page.locator("body").innerText(), new RegExp(theirs.word, "i"), path);
      // The address of what is asked for has no words in it: they can only come from what is stored.
      for (const { url, text } of answers.splice(0))
        assert.ok(
          !(await text).toLowerCase().includes(theirs.word.toLowerCase()),
          `${path} is answered with it: ${url}`,
        );
    };
    for (const [path, hasWord] of sharedPages) {
      await page.goto(muster.url + path);
      if (hasWord) await page.getByText(mine.word).and(page.locator("main *")).first().waitFor({ state: "attached" });
      await waitUntil(
        10_000,
        () => `${path} goes on loading`,
        async () => (await page.locator("[role=status][aria-label^=Loading]").count()) === 0,
      );
      await check(path);
    }
    for (const path of mine.pages) {
      await page.goto(muster.url + path);
      await page.getByText(mine.word).and(page.locator("main *")).first().waitFor({ state: "attached" });
      await check(path);
    }
    for (const path of theirs.pages) {
      await page.goto(muster.url + path);
      await page.getByRole("alert").getByText("There is no such thing, or it is not yours").first().waitFor();
      await check(path);
    }
    forget();
    await page.close();
  });

  test(`${who} reads what is theirs by its address, and gets "not found" for the other's`, async () => {
    const [mine, theirs] = worldsOf() as [World, World];
    const statusOf = async (path: string) =>
      (await mine.context.request.get(`${muster.url}/api/v1${path}`, { headers: { accept: "*/*" } })).status();
    for (const path of mine.reads) assert.match(String(await statusOf(path)), /^20[04]$/, path);
    for (const path of theirs.reads) assert.equal(await statusOf(path), 404, path);
  });
}
