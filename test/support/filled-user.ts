import { uuidv7 } from "#db";
import type { TestApi } from "./api-app.ts";
import type { TestUser } from "./api-client.ts";

/** One of each thing that is somebody's, by what routes call it: `squad` for `{squadId}`. */
export type OwnIds = Record<string, string>;

/**
 * Gives a user `size` of each thing that the API lists, and one execution, conversation and task with `size` entries.
 * Returns the ids of the last ones, which are those with entries.
 */
export async function fillUser(api: TestApi, user: TestUser, size: number): Promise<OwnIds> {
  const own = await fillLists(api, user, size);
  await fillDeep(api, own, size);
  return own;
}

async function fillLists(api: TestApi, user: TestUser, size: number): Promise<OwnIds> {
  const { db } = api.database;
  let own: OwnIds = {};
  for (let index = 0; index < size; index++) {
    const { squad } = (await user.call("POST", "/api/v1/squads", { template: "pair" })).body;
    const { project } = (await user.call("POST", "/api/v1/projects", { name: "P" })).body;
    const { task } = (
      await user.call("POST", "/api/v1/tasks", { title: "T", squadId: squad.id, projectId: project.id })
    ).body;
    const { execution } = (await user.call("POST", `/api/v1/tasks/${task.id}/executions`)).body;
    await user.call("PUT", `/api/v1/budgets/squads/${squad.id}`, { limitNanoUsd: 1 });
    await db.query(
      "fill_notification",
      "INSERT INTO notifications (id, user_id, kind, title) VALUES ($1, $2, 'system', 'T')",
      [uuidv7(), user.id],
    );
    const [conversation, toolCall, deferredCall] = [uuidv7(), uuidv7(), uuidv7()];
    own = { squad: squad.id, project: project.id, task: task.id, execution: execution.id };
    own = { ...own, squadMember: squad.members[0].id, conversation, toolCall, deferredCall };
    await fillMore(api, user, own);
  }
  return own;
}

/** What has no route of its own to make it: conversations, bills, journal entries, accounts, invitations. */
async function fillMore(api: TestApi, user: TestUser, own: OwnIds): Promise<void> {
  const { db } = api.database;
  const insert = (label: string, text: string, values: unknown[]) => db.query(`fill_${label}`, text, values);
  await insert("talk", "INSERT INTO conversations (id, user_id, title, model) VALUES ($1, $2, 'T', 'test/echo')", [
    own.conversation,
    user.id,
  ]);
  await insert(
    "bill",
    `INSERT INTO llm_usage (id, user_id, squad_id, member_id, provider, model, lane, outcome, cache_result, input_tokens, output_tokens)
     VALUES ($1, $2, $3, $4, 'openai', 'm', 'interactive', 'done', 'miss', 1, 1)`,
    [uuidv7(), user.id, own.squad, own.squadMember],
  );
  await insert(
    "deferred",
    `INSERT INTO deferred_calls (id, user_id, model, cache, request, deadline_at) VALUES ($1, $2, 'm', 'off', '{}', now())`,
    [own.deferredCall, user.id],
  );
  await user.call("PUT", "/api/v1/budgets/instance", { limitNanoUsd: 1_000_000 });
  await user.call("PUT", `/api/v1/budgets/executions/${own.execution}`, { limitNanoUsd: 1_000_000 });
  await user.call("POST", "/api/v1/api-keys", { name: "another" });
  await user.call("POST", "/api/v1/provider-accounts", {
    kind: "openai",
    name: `A ${own.squad}`,
    apiKey: "sk-0123456789abcdef",
  });
}

/** Entries of one long execution and one long conversation. */
async function fillDeep(api: TestApi, own: OwnIds, size: number): Promise<void> {
  const { db } = api.database;
  const { execution = "", conversation = "", toolCall = "" } = own;
  for (let index = 0; index < size; index++) {
    await db.query(
      "fill_message",
      "INSERT INTO agent_messages (id, task_execution_id, role, status, content) VALUES ($1, $2, 'assistant', 'completed', 'x')",
      [uuidv7(), execution],
    );
    await db.query(
      "fill_said",
      "INSERT INTO conversation_messages (id, conversation_id, role, content) VALUES ($1, $2, 'user', 'x')",
      [uuidv7(), conversation],
    );
    await db.query(
      "fill_tool",
      `INSERT INTO tool_calls (id, execution_id, step_id, key, epoch, member_id, tool, class, arguments, state, result, ended_at)
       VALUES ($1, $2, $3, $4, 1, $3, 'write_file', 'idempotent', '{"path":"a.md","content":"x"}', 'done', 'Wrote it.', now())`,
      [index === 0 ? toolCall : uuidv7(), execution, uuidv7(), `turn-${index}/tool-1`],
    );
  }
}
