import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, type TestUser } from "../support/api-client.ts";

let api: TestApi;
let ada: TestUser;
let ben: TestUser;
before(async () => {
  api = await startTestApi();
  [ada, ben] = [await createUser(api.app, api.database.db), await createUser(api.app, api.database.db)];
});
after(() => api.close());

const namesOf = (body: { data: { name: string }[] }) => body.data.map(({ name }) => name);

test("projects are searched by a part of their name, as it is written but for its case, among one's own", async () => {
  for (const name of ["Backups 100% tested", "Backups of laptops", "Writing"]) {
    assert.equal((await ada.call("POST", "/api/v1/projects", { name })).status, 201);
  }
  await ben.call("POST", "/api/v1/projects", { name: "Backups of Ben" });
  const find = async (search: string, rest = "") =>
    (await ada.call("GET", `/api/v1/projects?search=${encodeURIComponent(search)}${rest}`)).body;
  assert.deepEqual(namesOf(await find("BACKUPS")), ["Backups of laptops", "Backups 100% tested"]);
  assert.deepEqual(namesOf(await find("0% t")), ["Backups 100% tested"]);
  assert.deepEqual(namesOf(await find("%")), ["Backups 100% tested"]);
  assert.deepEqual(namesOf(await find("_")), []);
  assert.deepEqual(namesOf(await find("Ben")), []);
  const { data, total, pages } = await find("backups", "&page=2&pageSize=1");
  assert.deepEqual([namesOf({ data }), total, pages], [["Backups 100% tested"], 2, 2]);
  assert.equal((await find("backups", "&page=9")).total, 2);
  assert.equal((await ada.call("GET", "/api/v1/projects?search=")).status, 400);
});

test("executions are searched by the title of their task, page by page, beside the other filters", async () => {
  const begin = async (user: TestUser, title: string) => {
    const { squad } = (await user.call("POST", "/api/v1/squads", { template: "pair" })).body;
    const { project } = (await user.call("POST", "/api/v1/projects", { name: "Work" })).body;
    const { task } = (await user.call("POST", "/api/v1/tasks", { projectId: project.id, squadId: squad.id, title }))
      .body;
    const begun = await user.call("POST", `/api/v1/tasks/${task.id}/executions`, {});
    assert.equal(begun.status, 202, JSON.stringify(begun.body));
  };
  for (const title of ["Restore a laptop", "Write the report", "Restore the server"]) await begin(ada, title);
  await begin(ben, "Restore what is Ben's");
  const titlesOf = (body: { data: { taskTitle: string }[] }) => body.data.map(({ taskTitle }) => taskTitle);
  const find = async (query: string) => (await ada.call("GET", `/api/v1/executions?${query}`)).body;
  assert.deepEqual(titlesOf(await find("search=restore")), ["Restore the server", "Restore a laptop"]);
  const first = await find("search=restore&limit=1");
  assert.deepEqual(titlesOf(first), ["Restore the server"]);
  assert.deepEqual(titlesOf(await find(`search=restore&limit=1&cursor=${first.nextCursor}`)), ["Restore a laptop"]);
  assert.deepEqual(titlesOf(await find("search=restore&status=completed")), []);
  assert.deepEqual(titlesOf(await find("search=restore&status=queued")), ["Restore the server", "Restore a laptop"]);
  assert.deepEqual(titlesOf(await find("search=Ben")), []);
});
