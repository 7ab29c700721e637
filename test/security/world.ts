import { randomUUID } from "node:crypto";
import { uuidv7 } from "#db";
import type { TestApi } from "../support/api-app.ts";
import { createUser, type TestUser } from "../support/api-client.ts";
import type { Known } from "./sample-values.ts";

/** A user who has one of everything, and the ids of these things by the names that routes use. */
export interface World {
  user: TestUser;
  ids: Record<string, string>;
}

/** What tests look at in things that were made. */
interface Made {
  id: string;
  members: { id: string }[];
  attachments: { id: string }[];
}

/** Makes a user with one of everything. */
export async function createWorld(api: TestApi, name: string, role: "owner" | "member"): Promise<World> {
  const { db } = api.database;
  const user = await createUser(api.app, db, { name, role });
  const make = async (url: string, body: unknown, key: string): Promise<Made> => {
    const answer = await user.call("POST", url, body);
    if (answer.status >= 300) throw new Error(`${url}: ${JSON.stringify(answer.body)}`);
    return answer.body[key];
  };
  const squad = await make("/api/v1/squads", { template: "pair", slug: `squad-${name}` }, "squad");
  const project = await make("/api/v1/projects", { name: `Project of ${name}` }, "project");
  const attachments = [{ name: "secret.txt", contentBase64: Buffer.from(`secret of ${name}`).toString("base64") }];
  const task = await make(
    "/api/v1/tasks",
    { title: `Task of ${name}`, projectId: project.id, squadId: squad.id, attachments },
    "task",
  );
  const execution = await make(`/api/v1/tasks/${task.id}/executions`, { budgetUsd: 1 }, "execution");
  const account = await make(
    "/api/v1/provider-accounts",
    { kind: "openai", name: "Account", apiKey: "sk-0123456789abcdef" },
    "providerAccount",
  );
  const pictured = await user.call("PUT", "/api/v1/me/avatar", { imageBase64: onePixelPng });
  await user.call("PUT", `/api/v1/budgets/squads/${squad.id}`, { limitNanoUsd: 1_000_000 });
  await user.call("PUT", "/api/v1/budgets/instance", { limitNanoUsd: 1_000_000 });
  const made = Array.from({ length: 8 }, () => uuidv7());
  const [notificationId, conversationId, messageId, stepId, invitationId, toolCallId, batchJobId, deferredCallId] =
    made;
  const insert = (label: string, text: string, values: unknown[]) => db.query(`world_${label}`, text, values);
  await insert("notification", "INSERT INTO notifications (id, user_id, kind, title) VALUES ($1, $2, 'system', $3)", [
    notificationId,
    user.id,
    `Notice of ${name}`,
  ]);
  await insert(
    "conversation",
    "INSERT INTO conversations (id, user_id, title, model) VALUES ($1, $2, $3, 'test/echo')",
    [conversationId, user.id, `Talk of ${name}`],
  );
  await insert(
    "message",
    "INSERT INTO conversation_messages (id, conversation_id, role, content) VALUES ($1, $2, 'user', $3)",
    [messageId, conversationId, `secret of ${name}`],
  );
  await insert(
    "invitation",
    "INSERT INTO invitations (id, invited_by, email, token_hash, expires_at) VALUES ($1, $2, $3, $4, now() + interval '1 day')",
    [invitationId, user.id, `guest-of-${name}@example.org`, Buffer.from(randomUUID())],
  );
  await insert(
    "tool_call",
    `INSERT INTO tool_calls (id, execution_id, step_id, key, epoch, member_id, tool, class, arguments, state, result, ended_at)
     VALUES ($1, $2, $3, 'turn-1/tool-1', 1, $4, 'write_file', 'idempotent', $5, 'done', 'Wrote it.', now())`,
    [
      toolCallId,
      execution.id,
      stepId,
      squad.members[1]?.id,
      JSON.stringify({ path: "report.md", content: `secret of ${name}` }),
    ],
  );
  await insert(
    "batch",
    `INSERT INTO llm_batches (id, user_id, account_id, provider, model, state, calls, deadline_at)
     VALUES ($1, $2, $3, 'openai', 'secret-model', 'running', 1, now() + interval '1 day')`,
    [batchJobId, user.id, account.id],
  );
  await insert(
    "deferred_call",
    `INSERT INTO deferred_calls (id, user_id, model, cache, request, deadline_at)
     VALUES ($1, $2, 'secret-model', 'auto', $3, now() + interval '1 day')`,
    [deferredCallId, user.id, `secret of ${name}`],
  );
  return {
    user,
    ids: {
      squadId: squad.id,
      squadMemberId: squad.members[1]?.id ?? "",
      projectId: project.id,
      taskId: task.id,
      attachmentId: task.attachments[0]?.id ?? "",
      executionId: execution.id,
      stepId: stepId ?? "",
      toolCallId: toolCallId ?? "",
      batchJobId: batchJobId ?? "",
      deferredCallId: deferredCallId ?? "",
      providerAccountId: account.id,
      conversationId: conversationId ?? "",
      notificationId: notificationId ?? "",
      invitationId: invitationId ?? "",
      apiKeyId: user.apiKeyId,
      userId: user.id,
      avatarHash: String(pictured.body.user.avatarKey).split(".", 1)[0] ?? "",
    },
  };
}

/** A PNG of one pixel. */
const onePixelPng = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

/** Field values that make sample bodies valid. */
export function knownValues(): Known {
  return {
    email: `someone-${randomUUID()}@example.org`,
    role: "writer",
    contentBase64: "aGVsbG8=",
    imageBase64: onePixelPng,
    variant: "40.webp",
    name: "Sample",
    model: "test/echo",
    kind: "ollama",
    page: "/squads/[id]",
    asset: "start.js",
    path: "report.md",
    "*": "report.md",
    messages: [{ role: "user", content: "hi" }],
    input: "hi",
    vitals: [{ name: "LCP", value: 1, page: "/", rating: "good" }],
    attachments: [{ name: `file-${randomUUID()}.txt`, contentBase64: "aGVsbG8=" }],
  };
}
