import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import type { CreatedInvitation, SquadAnswer } from "#contracts";
import { ben, callerOf } from "../e2e/support/people.ts";
import { waitUntil } from "../e2e/support/running-muster.ts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

const world = sampledMuster();

const kept = "Your unsaved changes were kept on this device.";
const changedElsewhere = "This squad was changed elsewhere since you began.";
const goalOf = (page: Page) => page.getByLabel("Goal");
const storedGoal = async () => (await world.call<SquadAnswer>("GET", `/squads/${world.samples.squadId}`)).squad.goal;
const keptKeys = (page: Page) =>
  page.evaluate<string[]>(`Object.keys(localStorage).filter((key) => key.includes("draft"))`);

/** The squad in the builder, with another goal typed that is kept as a draft. */
async function beginEditing(goal: string) {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/squads/${world.samples.squadId}`);
  await page.getByText("All changes are saved").waitFor();
  await goalOf(page).fill(goal);
  await page.getByText("Unsaved; kept on this device").waitFor();
  return { page, troubles };
}

/** Changes the goal as another tab would; done when the open page was told. */
async function changeElsewhere(page: Page, goal: string): Promise<void> {
  await Promise.all([
    page.waitForResponse((answer) => answer.url().endsWith(`/squads/${world.samples.squadId}`) && answer.ok()),
    world.call("PATCH", `/squads/${world.samples.squadId}`, { goal }),
  ]);
}

test("pausing the squad that one is editing leaves what is typed, and it is saved as typed", async () => {
  const { page, troubles } = await beginEditing("Typed before the pause");
  await page.getByRole("button", { name: "More about this squad" }).click();
  await page.getByRole("menuitem", { name: "Pause" }).click();
  await page.getByText("Paused: it takes no new task").waitFor();
  assert.equal(await goalOf(page).inputValue(), "Typed before the pause");
  assert.equal(await page.getByText(changedElsewhere).count(), 0, "a pause changes nothing that is edited");

  await page.reload();
  await page.getByText(kept).waitFor();
  assert.equal(await goalOf(page).inputValue(), "Typed before the pause");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Squad saved").waitFor();
  assert.equal(await storedGoal(), "Typed before the pause");
  await world.call("PATCH", `/squads/${world.samples.squadId}`, { status: "active" });
  assert.deepEqual(troubles, []);
  await page.close();
});

test("what another tab saves is shown where nothing is typed", async () => {
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/squads/${world.samples.squadId}`);
  await page.getByText("All changes are saved").waitFor();
  await changeElsewhere(page, "Saved by another tab");
  await waitUntil(
    5000,
    () => "The new goal is not shown",
    async () => (await goalOf(page).inputValue()) === "Saved by another tab",
  );
  await page.getByText("All changes are saved").waitFor();
  assert.deepEqual(troubles, []);
  await page.close();
});

test("when another tab changed the squad, what is typed stays until one says: theirs, and back, or mine", async () => {
  const { page, troubles } = await beginEditing("Mine");
  // The other tab takes a member away as well: to keep mine makes it anew.
  const { squad } = await world.call<SquadAnswer>("GET", `/squads/${world.samples.squadId}`);
  const members = squad.members.map(({ id, name, role, isLead }) => ({ id, name, role, isLead }));
  assert.ok(members.length > 1);
  await changeElsewhere(page, "Theirs");
  await world.call("PATCH", `/squads/${world.samples.squadId}`, {
    members: members.filter((member, index) => member.isLead || index < members.length - 1).slice(0, -1),
  });
  await page.getByText(changedElsewhere).waitFor();
  assert.equal(await goalOf(page).inputValue(), "Mine");
  assert.equal(await page.getByRole("button", { name: "Save", exact: true }).isDisabled(), true);

  await page.reload();
  await page.getByText(changedElsewhere).waitFor();
  assert.equal(await goalOf(page).inputValue(), "Mine", "a draft of an older state is offered too");

  await page.getByRole("button", { name: "Take theirs" }).click();
  await page.getByText("All changes are saved").waitFor();
  assert.equal(await goalOf(page).inputValue(), "Theirs");
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText(changedElsewhere).waitFor();
  assert.equal(await goalOf(page).inputValue(), "Mine");

  await page.getByRole("button", { name: "Keep mine" }).click();
  await page.getByText(changedElsewhere).waitFor({ state: "detached" });
  assert.equal(await goalOf(page).inputValue(), "Mine");
  await page.reload();
  await page.getByText(kept).waitFor();
  assert.equal(await page.getByText(changedElsewhere).count(), 0, "it was said already");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Squad saved").waitFor();
  const saved = (await world.call<SquadAnswer>("GET", `/squads/${world.samples.squadId}`)).squad;
  assert.equal(saved.goal, "Mine");
  assert.deepEqual(
    saved.members.map(({ name }) => name),
    members.map(({ name }) => name),
  );
  await page.getByText("All changes are saved").waitFor();
  assert.deepEqual(await keptKeys(page), [], "what is saved is no draft");
  assert.deepEqual(troubles, []);
  await page.close();
});

test("a change elsewhere that the page never heard of is not overwritten by a save", async () => {
  const { page } = await world.open();
  await page.route("**/api/v1/changes*", (route) => route.abort());
  await page.goto(`${world.muster.url}/squads/${world.samples.squadId}`);
  await page.getByText("All changes are saved").waitFor();
  await goalOf(page).fill("Mine, unaware");
  await page.getByText("Unsaved; kept on this device").waitFor();
  await world.call("PATCH", `/squads/${world.samples.squadId}`, { goal: "Theirs, unheard" });
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText(changedElsewhere).waitFor();
  assert.equal(await storedGoal(), "Theirs, unheard");
  assert.equal(await goalOf(page).inputValue(), "Mine, unaware");

  await page.getByRole("button", { name: "Keep mine" }).click();
  await page.getByText(changedElsewhere).waitFor({ state: "detached" });
  // A pause is no change of what is edited: it must not keep anyone from saving.
  await world.call("PATCH", `/squads/${world.samples.squadId}`, { status: "paused" });
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Squad saved").waitFor();
  assert.equal(await storedGoal(), "Mine, unaware");
  await world.call("PATCH", `/squads/${world.samples.squadId}`, { status: "active" });
  await page.close();
});

test("the next person on the same browser finds nothing of what the one before had begun", async () => {
  const invitation = await world.call<CreatedInvitation>("POST", "/invitations", { email: ben.email });
  const elsewhere = await world.browser.newContext();
  await callerOf(elsewhere, world.muster)("POST", "/auth/accept-invitation", {
    token: invitation.token,
    name: ben.name,
    password: ben.password,
  });
  await elsewhere.close();

  const { page, troubles, forget } = await world.open();
  await page.goto(`${world.muster.url}/squads/new`);
  await page.getByRole("button", { name: /^Blank/ }).click();
  await page.getByLabel("Name", { exact: true }).fill("Ada's secret squad");
  await page.getByText("Unsaved; kept on this device").waitFor();
  await waitUntil(
    5000,
    () => "No draft is kept",
    async () => (await keptKeys(page)).length === 1,
  );

  const signOut = async (name: RegExp) => {
    await page.getByRole("button", { name }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
  };
  await signOut(/Account of Ada/);
  await page.getByText("Sign out and lose unsaved changes?").waitFor();
  await page.getByRole("button", { name: "Keep", exact: true }).click();
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "Ada's secret squad");
  await signOut(/Account of Ada/);
  await page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/sign-in");
  assert.deepEqual(await keptKeys(page), []);

  await page.getByLabel("E-mail").fill(ben.email);
  await page.getByLabel("Password").fill(ben.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: /Account of Ben/ }).waitFor();
  // A sign-out makes refused reads of what is still open: the console tells of them.
  forget();
  await page.goto(`${world.muster.url}/squads/new`);
  await page.getByRole("button", { name: /^Blank/ }).waitFor();
  assert.equal(await page.getByText(kept).count(), 0);

  // What a session leaves that ended by itself is still there for its owner, and for nobody else.
  await page.getByRole("button", { name: /^Blank/ }).click();
  await page.getByLabel("Name", { exact: true }).fill("Ben's squad");
  await waitUntil(
    5000,
    () => "No draft is kept",
    async () => (await keptKeys(page)).length === 1,
  );
  await world.context.clearCookies();
  await callerOf(world.context, world.muster)("POST", "/auth/sign-in", {
    email: "ada@example.org",
    password: "correct horse battery",
  });
  await page.goto(`${world.muster.url}/squads/new`);
  await page.getByRole("button", { name: /^Blank/ }).waitFor();
  assert.equal(await page.getByText(kept).count(), 0);
  assert.equal((await keptKeys(page)).length, 1);
  assert.deepEqual(troubles, []);
  await page.close();
});
