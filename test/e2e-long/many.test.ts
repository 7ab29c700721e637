import assert from "node:assert/strict";
import { test } from "node:test";
import type { Locator } from "playwright-core";
import type { NotificationPage, ProjectAnswer, SquadAnswer, TaskAnswer } from "#contracts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";
import { runTask } from "../e2e/support/samples.ts";

// Lists that are longer than what one request brings: what is chosen from is whole, and older things come when asked for.

const world = sampledMuster({ empty: true });
const many = 105;
const numbers = Array.from({ length: many }, (_, index) => index + 1);

/** A few at a time, so that nothing waits long for its turn. */
async function each(work: (number: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < many; from += 15) await Promise.all(numbers.slice(from, from + 15).map(work));
}

const options = (select: Locator) => select.locator("option").allInnerTexts();

test("what is chosen from has more than a hundred projects, squads and members: all of them are there", async () => {
  const { call } = world;
  await each((number) => call("POST", "/projects", { name: `Project ${number}` }));
  // Two members each: more than two hundred to chat with.
  const members = [
    { name: "Reader", role: "researcher", model: "muster/offline", isLead: true },
    { name: "Writer", role: "writer", model: "muster/offline" },
  ];
  await each((number) => call("POST", "/squads", { name: `Squad ${number}`, members }));
  const { page, troubles } = await world.open();

  // From a squad, a task can go to every project; from a project, to every squad.
  const { squad } = await call<SquadAnswer>("POST", "/squads", { name: "The last one", members });
  await page.goto(`${world.muster.url}/squads/${squad.id}`);
  await page.getByRole("button", { name: "New task" }).first().click();
  const fromSquad = page.getByRole("dialog", { name: "New task" });
  const projects = fromSquad.getByLabel("Project");
  await projects.getByText("Project 1", { exact: true }).waitFor({ state: "attached" });
  const offered = await options(projects);
  assert.deepEqual(
    numbers.filter((number) => !offered.includes(`Project ${number}`)),
    [],
  );
  await page.keyboard.press("Escape");

  const { project } = await call<ProjectAnswer>("POST", "/projects", { name: "The last project" });
  const { task } = await call<TaskAnswer>("POST", "/tasks", { projectId: project.id, title: "Choose" });
  for (const path of [`/projects/${project.id}?task=${task.id}`, `/projects/${project.id}`]) {
    await page.goto(world.muster.url + path);
    if (!path.includes("task=")) await page.getByRole("button", { name: "New task" }).first().click();
    const squads = page.getByRole("dialog").getByLabel("Squad", { exact: true });
    await squads.getByText("Squad 1", { exact: true }).waitFor({ state: "attached" });
    const names = await options(squads);
    const missing = numbers.filter((number) => !names.includes(`Squad ${number}`));
    assert.deepEqual(missing, [], path);
  }

  await page.goto(`${world.muster.url}/chat`);
  const partners = page.getByLabel("Whom to chat with");
  await partners.getByText("Squad 1, the whole squad").waitFor({ state: "attached" });
  const groups = await partners
    .locator("optgroup[label^=Squad]")
    .evaluateAll((all) =>
      all.map((group) => `${group.getAttribute("label")}: ${group.querySelectorAll("option").length}`),
    );
  assert.deepEqual(groups.sort(), numbers.map((number) => `Squad ${number}: 3`).sort());
  assert.deepEqual(troubles, []);
  await page.close();
});

test("“Show older” among the notifications shows the ones before, to the first", async () => {
  const { call } = world;
  const { squad } = await call<SquadAnswer>("POST", "/squads", {
    name: "Short of words",
    members: [{ name: "One", role: "writer", model: "muster/offline" }],
  });
  for (let from = 1; from <= 33; from += 11) {
    await Promise.all(
      Array.from({ length: 11 }, async (_, index) => {
        const title = `Note ${from + index}`;
        const { task } = await call<TaskAnswer>("POST", "/tasks", { title, squadId: squad.id });
        await runTask(call, task.id);
      }),
    );
  }
  const all: string[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const next: NotificationPage = await call<NotificationPage>(
      "GET",
      `/notifications?limit=20${cursor && `&cursor=${cursor}`}`,
    );
    all.push(...next.data.map(({ taskTitle }) => taskTitle ?? ""));
    cursor = next.nextCursor;
  }
  assert.ok(all.length >= 33, `${all.length} notifications`);
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/notifications`);
  const lines = page.getByRole("main").getByRole("listitem");
  await lines.first().waitFor();
  const shown = async () => {
    const texts = await lines.allInnerTexts();
    return texts.map((text) => /Note \d+/.exec(text)?.[0] ?? text);
  };
  assert.deepEqual(await shown(), all.slice(0, 30));
  const older = page.getByRole("button", { name: "Show older" });
  await older.click();
  await lines.nth(30).waitFor();
  assert.deepEqual(await shown(), all);
  assert.equal(await older.count(), 0, "there are none before the first");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("an owner who sent more than a hundred invitations comes to the oldest of them, and withdraws it", async () => {
  await each((number) => world.call("POST", "/invitations", { email: `guest-${number}@example.org` }));
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/settings?part=people`);
  const withdraw = page.getByRole("button", { name: /^Withdraw the invitation of guest-/ });
  await withdraw.first().waitFor();
  assert.equal(await withdraw.count(), 100);
  await page.getByRole("button", { name: "Show older invitations" }).click();
  await withdraw.nth(many - 1).waitFor();
  assert.equal(await withdraw.count(), many);
  assert.equal(await page.getByRole("button", { name: "Show older invitations" }).count(), 0);
  const oldest = await withdraw.last().getAttribute("aria-label");
  await withdraw.last().click();
  await page.getByRole("button", { name: "Withdraw it" }).click();
  await page.getByText("Invitation withdrawn").waitFor();
  await page.getByRole("button", { name: oldest ?? "", exact: true }).waitFor({ state: "detached" });
  assert.equal(await withdraw.count(), many - 1, "the others stay shown");
  assert.deepEqual(troubles, []);
  await page.close();
});
