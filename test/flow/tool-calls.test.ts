import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { uuidv7 } from "#db";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, type TestUser } from "../support/api-client.ts";

let api: TestApi;
let user: TestUser;
let executionId: string;
const [planStep, workStep, memberId, messageId] = Array.from({ length: 4 }, () => uuidv7()) as [
  string,
  string,
  string,
  string,
];

before(async () => {
  api = await startTestApi();
  user = await createUser(api.app, api.database.db);
  const { squad } = (await user.call("POST", "/api/v1/squads", { template: "pair" })).body;
  const { task } = (await user.call("POST", "/api/v1/tasks", { title: "Write", squadId: squad.id })).body;
  executionId = (await user.call("POST", `/api/v1/tasks/${task.id}/executions`, {})).body.execution.id;
  await api.database.db.pool.query(
    `INSERT INTO llm_calls (id, execution_id, step_id, key, epoch, state, message_id, provider, model)
     VALUES ($1, $2, $3, 'turn-2', 1, 'done', $4, 'offline', 'muster/offline')`,
    [uuidv7(), executionId, workStep, messageId],
  );
});
after(() => api.close());

let second = 0;

/** A call as a worker records it. */
async function record(
  tool: string,
  args: unknown,
  options: { key?: string; state?: string; result?: string; stepId?: string } = {},
): Promise<string> {
  const { rows } = await api.database.db.pool.query(
    `INSERT INTO tool_calls (id, execution_id, step_id, key, epoch, member_id, tool, class, arguments, state, result, started_at, ended_at)
     VALUES (gen_random_uuid(), $1, $2, $3, 1, $4, $5, 'unsafe', $6, $7, $8, now() + $9 * interval '1 second', now() + $9 * interval '1 second')
     RETURNING id`,
    [
      executionId,
      options.stepId ?? workStep,
      options.key ?? `turn-9/tool-${second + 1}`,
      memberId,
      tool,
      typeof args === "string" ? args : JSON.stringify(args),
      options.state ?? "done",
      options.result ?? "ok",
      second,
    ],
  );
  second += 1;
  return rows[0].id;
}

test("tool calls come as they were begun, by page and step, cut in the list and whole by id", async () => {
  const long = "x".repeat(5_000);
  const first = await record("read_file", { path: "a.md" }, { key: "turn-2/tool-2", result: long });
  const other = await record("search_files", { pattern: long }, { key: "turn-1/tool-1", stepId: planStep });
  const third = await record("read_file", "not JSON at all", { key: "turn-3/tool-1", state: "failed" });
  const list = (await user.call("GET", `/api/v1/executions/${executionId}/tool-calls?limit=2`)).body;
  assert.deepEqual(
    list.data.map((one: { id: string }) => one.id),
    [first, other],
  );
  assert.deepEqual(
    [list.data[0].messageId, list.data[0].ordinal, list.data[0].result.length, list.data[0].resultTruncated],
    [messageId, 2, 2_000, true],
  );
  assert.deepEqual([list.data[1].messageId, list.data[1].argumentsTruncated], [null, true]);
  const rest = (
    await user.call("GET", `/api/v1/executions/${executionId}/tool-calls?limit=2&cursor=${list.nextCursor}`)
  ).body;
  assert.deepEqual([rest.data.length, rest.data[0].id, rest.nextCursor], [1, third, null]);
  assert.equal(rest.data[0].arguments, "not JSON at all");
  const ofStep = (await user.call("GET", `/api/v1/executions/${executionId}/tool-calls?stepId=${planStep}`)).body;
  assert.deepEqual([ofStep.data.length, ofStep.data[0].id], [1, other]);
  const whole = (await user.call("GET", `/api/v1/executions/${executionId}/tool-calls/${first}`)).body;
  assert.equal(whole.toolCall.result, long);
  const stranger = await createUser(api.app, api.database.db);
  for (const path of ["tool-calls", `tool-calls/${first}`, "file-versions?path=a.md", `file-versions/${first}`]) {
    assert.equal((await stranger.call("GET", `/api/v1/executions/${executionId}/${path}`)).status, 404, path);
  }
});

test("a file's states follow from the calls that wrote it, also under other spellings and through edits", async () => {
  const one = await record("write_file", { path: "notes/plan.md", content: "first\nsecond\n" });
  await record("write_file", { path: "other.md", content: "see plan.md" });
  await record("edit_file", { path: "notes/plan.md", oldText: "absent", newText: "x" }, { state: "failed" });
  const two = await record("edit_file", { path: "./notes//plan.md", oldText: "second", newText: "$& and third" });
  const three = await record("write_file", { path: "notes/plan.md", content: "anew" });
  const versions = (await user.call("GET", `/api/v1/executions/${executionId}/file-versions?path=notes/plan.md`)).body;
  assert.deepEqual(
    versions.data.map(({ toolCallId, bytes, tool }: { toolCallId: string; bytes: number; tool: string }) => [
      toolCallId,
      bytes,
      tool,
    ]),
    [
      [three, 4, "write_file"],
      [two, 19, "edit_file"],
      [one, 13, "write_file"],
    ],
  );
  const read = async (id: string) =>
    (await user.call("GET", `/api/v1/executions/${executionId}/file-versions/${id}`)).body;
  assert.deepEqual([(await read(one)).before, (await read(one)).after], [null, "first\nsecond\n"]);
  assert.deepEqual([(await read(two)).before, (await read(two)).after], ["first\nsecond\n", "first\n$& and third\n"]);
  assert.equal((await read(three)).before, "first\n$& and third\n");
  const none = await user.call("GET", `/api/v1/executions/${executionId}/file-versions?path=plan.md`);
  assert.deepEqual(none.body, { data: [] });
});

test("names beyond ASCII are found however the model wrote them; a compacted journal says nothing", async () => {
  const id = await record("write_file", '{"path":"\\u00fcbersicht.md","content":"a"}');
  const url = `/api/v1/executions/${executionId}/file-versions?path=${encodeURIComponent("übersicht.md")}`;
  assert.deepEqual(
    (await user.call("GET", url)).body.data.map((one: { toolCallId: string }) => one.toolCallId),
    [id],
  );
  await api.database.db.pool.query("UPDATE tool_calls SET arguments = '', result = NULL WHERE execution_id = $1", [
    executionId,
  ]);
  assert.deepEqual((await user.call("GET", url)).body, { data: [] });
  assert.equal((await user.call("GET", `/api/v1/executions/${executionId}/file-versions/${id}`)).status, 404);
});
