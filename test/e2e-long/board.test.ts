import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProjectAnswer } from "#contracts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

const world = sampledMuster({ empty: true });

test("a board of more tasks than are loaded says so, loads them, and is filtered by words and priority", async () => {
  const { project } = await world.call<ProjectAnswer>("POST", "/projects", { name: "Large" });
  // The first ones stand last on the board: they are on its second page.
  const add = (title: string, priority: string) =>
    world.call("POST", "/tasks", { projectId: project.id, title, priority });
  await add("Renew the certificate", "high");
  await add("Renew the lease", "low");
  await Promise.all(Array.from({ length: 100 }, (_, number) => add(`Task ${number}`, "medium")));
  const { page, troubles } = await world.open();
  await page.goto(`${world.muster.url}/projects/${project.id}`);
  const pending = page.getByRole("region", { name: /^Pending/ });
  const cards = pending.getByRole("listitem");
  await page.getByText("2 more tasks are not loaded").waitFor();
  assert.equal(await cards.count(), 100);

  const filter = page.getByLabel("Filter by words of the title");
  await filter.fill("renew");
  await page.getByText("No task matches").waitFor();
  await page.getByText("The filter covers what is loaded: 2 more tasks are not loaded.").waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  assert.equal(await filter.inputValue(), "");
  assert.equal(await page.evaluate("document.activeElement.matches('input[type=search]')"), true);
  assert.equal(await cards.count(), 100);

  await page.getByRole("button", { name: "Load more tasks" }).click();
  await page.getByRole("button", { name: "Load more tasks" }).waitFor({ state: "detached" });
  assert.equal(await page.getByText("not loaded").count(), 0);
  assert.equal(await cards.count(), 102);
  await filter.fill("renew");
  await page.getByRole("region", { name: "Pending, 2" }).waitFor();
  await page.getByLabel("Priority", { exact: true }).selectOption({ label: "High" });
  await page.getByRole("region", { name: "Pending, 1" }).waitFor();
  await cards.getByText("Renew the certificate").waitFor();
  await page.getByLabel("Priority", { exact: true }).selectOption({ label: "Medium" });
  await page.getByText("Change the words or the priority.").waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  assert.equal(await page.getByLabel("Priority", { exact: true }).inputValue(), "");
  assert.equal(await cards.count(), 102);
  assert.deepEqual(troubles, []);
  await page.close();
});
