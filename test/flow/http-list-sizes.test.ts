import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { uuidv7 } from "#db";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, type TestUser } from "../support/api-client.ts";

// Lists of 20 with texts as long as people and models write them: no answer carries what its page does not show.

let api: TestApi;
let user: TestUser;
let executionId: string;

const mostBytes = 60 * 1_024;

/** So many characters of words, which end in "unseen": what a list cuts off does not come. */
function text(characters: number): string {
  const words = "The quick model reads “every” line, weighs it and says what it would change; ";
  return `${words.repeat(Math.ceil(characters / words.length)).slice(0, characters - 7)} unseen`;
}

before(async () => {
  api = await startTestApi();
  user = await createUser(api.app, api.database.db);
  const members = Array.from({ length: 8 }, (_, index) => ({
    name: `Member number ${index} of them, by name`,
    role: index === 0 ? "tech-lead" : "writer",
    model: "provider/a-model-with-quite-a-long-name-2026-01-01",
    instructions: text(20_000),
    tools: ["read_file"],
  }));
  for (let index = 0; index < 20; index++) {
    const squad = { name: `Squad ${index} ${"with a long name ".repeat(6)}`.slice(0, 120), goal: text(4_000), members };
    const { squad: made } = await make("/api/v1/squads", squad);
    const task = { title: `Task ${index} ${"with a long title ".repeat(20)}`.slice(0, 300), squadId: made.id };
    const { task: asked } = await make("/api/v1/tasks", { ...task, description: text(100_000) });
    await user.call("PUT", `/api/v1/budgets/squads/${made.id}`, { limitNanoUsd: 5_000_000_000 });
    executionId = (await make(`/api/v1/tasks/${asked.id}/executions`, {})).execution.id;
    await fill(index);
  }
});
after(() => api.close());

async function make(url: string, body: unknown) {
  const answer = await user.call("POST", url, body);
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
  return answer.body;
}

/** What workers write: how an execution failed, notifications as long as they are made, messages of 2 KB. */
async function fill(index: number): Promise<void> {
  const { db } = api.database;
  const failed = "UPDATE task_executions SET error = $2, status = 'failed' WHERE id = $1";
  if (index < 19) await db.query("fill_failed", failed, [executionId, text(8_000)]);
  await db.query(
    "fill_notification",
    `INSERT INTO notifications (id, user_id, kind, title, body, execution_id) VALUES ($1, $2, 'execution_failed', 'An execution failed', $3, $4)`,
    [uuidv7(), user.id, text(500), executionId],
  );
}

/** Messages are shown whole: 20 of these are as many as a page of a talkative execution. */
async function fillMessages(): Promise<void> {
  for (let index = 0; index < 20; index++) {
    await api.database.db.query(
      "fill_message",
      `INSERT INTO agent_messages (id, task_execution_id, role, status, model, content, input_tokens, output_tokens, tool_calls)
       VALUES ($1, $2, 'assistant', 'completed', 'provider/a-model', $3, 12000, 700, $4)`,
      [
        uuidv7(),
        executionId,
        text(2_300),
        JSON.stringify([{ id: "call_0123456789", name: "read_file", arguments: '{"path":"docs/a-file.md"}' }]),
      ],
    );
  }
}

interface List {
  url: string;
  /** What an item carries, and nothing else. */
  fields: string[];
  /** Texts that are cut: none of their ends comes. */
  cut: boolean;
}

const lists: Record<string, List> = {
  squads: {
    url: "/api/v1/squads?pageSize=20",
    fields:
      "budget createdAt goal id liveExecutions members name process slug spentMonthIncomplete spentMonthNanoUsd status updatedAt".split(
        " ",
      ),
    cut: true,
  },
  tasks: {
    url: "/api/v1/tasks?pageSize=20",
    fields:
      "attachmentCount createdAt description id lastExecution position priority projectId squadId status title updatedAt".split(
        " ",
      ),
    cut: true,
  },
  executions: {
    url: "/api/v1/executions?limit=20",
    fields:
      "costIncomplete costNanoUsd createdAt deferred endReason endedAt error id inputTokens outputTokens runningSince squadId squadName startedAt status stepsEnded stepsTotal taskId taskTitle workedMs".split(
        " ",
      ),
    cut: true,
  },
  messages: {
    url: "/messages",
    fields: "content createdAt id inputTokens memberId model outputTokens role status stepId toolCalls".split(" "),
    cut: false,
  },
  notifications: {
    url: "/api/v1/notifications?limit=20",
    fields: "body createdAt executionId id kind readAt taskTitle title".split(" "),
    cut: false,
  },
};

for (const [name, { url, fields, cut }] of Object.entries(lists)) {
  test(`20 ${name} with long texts are at most 60 KB plain, and carry what is shown`, async () => {
    if (name === "messages") await fillMessages();
    const path = name === "messages" ? `/api/v1/executions/${executionId}/messages?limit=20` : url;
    const answer = await api.app.inject({
      method: "GET",
      url: path,
      headers: { authorization: `Bearer ${user.token}` },
    });
    assert.equal(answer.statusCode, 200, answer.body);
    const { data } = answer.json();
    assert.equal(data.length, 20);
    for (const item of data) assert.deepEqual(Object.keys(item).sort(), fields);
    assert.equal(answer.body.includes("unseen"), !cut, "what is cut off has come, or what is shown has not");
    const bytes = answer.rawPayload.length;
    assert.ok(bytes <= mostBytes, `${bytes} bytes`);
    assert.ok(bytes > 5_000, `${bytes} bytes: these are no long texts`);
  });
}

test("a member of a list of squads comes without instructions and tools", async () => {
  const { data } = (await user.call("GET", "/api/v1/squads")).body;
  const fields = "avatarKey id isLead model name role".split(" ");
  for (const { members } of data) for (const member of members) assert.deepEqual(Object.keys(member).sort(), fields);
});
