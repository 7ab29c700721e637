import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionStateAnswer, ProjectAnswer, SquadAnswer, TaskAnswer } from "#contracts";
import { type Database, uuidv7 } from "#db";
import { marked } from "./harm.ts";
import type { Call } from "./people.ts";
import { waitUntil } from "./running-muster.ts";

/** A file name that would run script where names are taken for HTML. */
export const hostileName = "<img src=x onerror=globalThis.muster_was_here=1>.md";

/**
 * A finished execution that carries all texts in each place where words of agents come from: messages, a plan, a review, the
 * calls and results of tools, titles, the result and the files. Written past the API, before anybody has read of it.
 */
export async function storeHostileExecution(
  db: Database,
  call: Call,
  workspacesDir: string,
  texts: readonly string[],
): Promise<string> {
  const { squad } = await call<SquadAnswer>("POST", "/squads", { template: "research-report" });
  const { project } = await call<ProjectAnswer>("POST", "/projects", { name: "Hostile" });
  const { task } = await call<TaskAnswer>("POST", "/tasks", {
    projectId: project.id,
    squadId: squad.id,
    title: "Hostile",
    description: "Report on what is attached.",
  });
  const { id } = (await call<ExecutionStateAnswer>("POST", `/tasks/${task.id}/executions`, {})).execution;
  await waitUntil(
    60_000,
    () => "The execution has not ended",
    async () => {
      const { rows } = await db.pool.query("SELECT status FROM task_executions WHERE id = $1", [id]);
      return rows[0]?.status === "completed";
    },
  );
  const lines = marked(texts, " ");
  const paragraphs = marked(texts, "\n\n");
  const { rows: steps } = await db.pool.query<{ id: string; member_id: string }>(
    "SELECT id, member_id FROM execution_steps WHERE execution_id = $1 AND member_id IS NOT NULL ORDER BY ordinal",
    [id],
  );
  const step = steps[0];
  if (!step) throw new Error("The execution has no step");
  const say = async (content: string, toolCalls: unknown[] | null = null) => {
    const messageId = uuidv7();
    await db.pool.query(
      `INSERT INTO agent_messages (id, task_execution_id, step_id, member_id, role, status, model, content, tool_calls)
       VALUES ($1, $2, $3, $4, 'assistant', 'completed', 'muster/offline', $5, $6)`,
      [messageId, id, step.id, step.member_id, content, toolCalls && JSON.stringify(toolCalls)],
    );
    return messageId;
  };

  const perMessage = 10;
  for (let at = 0; at < texts.length; at += perMessage) await say(paragraphs.slice(at, at + perMessage).join("\n\n"));
  const whole = paragraphs.join("\n\n");
  await say(JSON.stringify({ steps: lines.map((line) => ({ title: line, owner: line, dependsOn: [line] })) }));
  await say(JSON.stringify({ verdicts: lines.map((line) => ({ step: line, verdict: "revise", reasons: [line] })) }));

  const toolId = uuidv7();
  const args = JSON.stringify({ path: "hostile.ts", content: whole });
  const messageId = await say("It is written.", [{ id: toolId, name: "write_file", arguments: args }]);
  await db.pool.query(
    `INSERT INTO llm_calls (id, execution_id, step_id, key, epoch, state, message_id, provider, model, error, ended_at)
     VALUES ($1, $2, $3, 'hostile', 1, 'done', $4, 'offline', 'muster/offline', $5, now())`,
    [uuidv7(), id, step.id, messageId, lines.join("\n")],
  );
  await db.pool.query(
    `INSERT INTO tool_calls (id, execution_id, step_id, key, epoch, member_id, tool, class, arguments, state, result, ended_at)
     VALUES ($1, $2, $3, 'hostile/tool-1', 1, $4, 'write_file', 'idempotent', $5, 'done', $6, now())`,
    [toolId, id, step.id, step.member_id, args, whole],
  );

  for (const [index, { id: stepId }] of steps.entries())
    await db.pool.query("UPDATE execution_steps SET title = $2 WHERE id = $1", [
      stepId,
      lines.filter((_, number) => number % steps.length === index).join(" "),
    ]);
  const title = lines.join(" ");
  await db.pool.query(
    `UPDATE task_executions SET result_message_id = $2,
       task = jsonb_set(jsonb_set(task, '{title}', to_jsonb($3::text)), '{description}', to_jsonb($3::text)) WHERE id = $1`,
    [id, await say(whole), title],
  );

  const folder = join(workspacesDir, id);
  await mkdir(folder, { recursive: true });
  for (const name of ["hostile.md", "hostile.html", "hostile.svg", "hostile.xml", "hostile.ts", hostileName])
    await writeFile(join(folder, name), whole);
  return id;
}
