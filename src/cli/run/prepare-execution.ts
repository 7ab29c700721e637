import type { NewAttachment } from "#contracts";
import {
  acceptExecution,
  type Core,
  createSquad,
  createTask,
  ensureProject,
  findSquadBySlug,
  joinTransaction,
  listSquadSlugs,
  readSquad,
  type Scope,
} from "#main";
import { CommandError, usageError } from "../exit.ts";

/** A task as it was typed. */
export interface RunRequest {
  task: string;
  squad: string;
  files: NewAttachment[];
  budgetNanoUsd: number | null;
  model: string | null;
}

const projectName = "Command line";
const titleCharacters = 300;
const offlineModel = "muster/offline";

/** Title and description of a task from one text: the first line, and the whole text where that is longer. */
export function titleOf(task: string): { title: string; description: string } {
  const text = task.trim();
  const firstLine = text.split("\n", 1)[0]?.trim() ?? "";
  const title = [...firstLine].slice(0, titleCharacters).join("");
  return { title, description: title === text ? "" : text };
}

/** Makes the task and accepts its execution, both or neither. @throws {CommandError} saying why it cannot run. */
export async function prepareExecution(
  core: Core,
  scope: Scope,
  request: RunRequest,
  notice: (line: string) => void,
): Promise<string> {
  const squadId = await provideSquad(core, scope, request.squad, request.model);
  const model = request.model ?? (await replaceOfflineModel(core, scope, squadId, notice));
  const projectId = await ensureProject(core.db, scope, projectName);
  return core.db.transaction(async (transaction) => {
    const task = await createTask(joinTransaction(transaction), scope, {
      projectId,
      squadId,
      ...titleOf(request.task),
      attachments: request.files,
    });
    if (task.outcome !== "ok") throw new CommandError(task.detail);
    const accepted = await acceptExecution(transaction, scope, {
      taskId: task.task.id,
      lane: "interactive",
      ...(request.budgetNanoUsd === null ? {} : { budgetNanoUsd: request.budgetNanoUsd }),
      ...(model === null ? {} : { model }),
    });
    if (accepted.outcome !== "accepted") throw new CommandError(accepted.detail);
    return accepted.execution.id;
  });
}

/** The user's squad with this slug; made from the template of that slug when there is none. */
async function provideSquad(core: Core, scope: Scope, slug: string, model: string | null): Promise<string> {
  const present = await findSquadBySlug(core.db, scope, slug);
  if (present !== null) return present;
  if (!core.templates.some((template) => template.slug === slug)) {
    const own = (await listSquadSlugs(core.db, scope)).map((squad) => squad.slug);
    const known = [...new Set([...own, ...core.templates.map((template) => template.slug)])].sort().join(", ");
    throw usageError(`there is no squad and no template "${slug}"; choose from ${known}`);
  }
  const made = await createSquad(
    core.db,
    scope,
    { template: slug, slug },
    {
      templates: core.templates,
      roles: core.roles,
      toolNames: core.tools.map((tool) => tool.name),
      defaultModel: model ?? (await core.modelGateway.defaultModel(scope.userId)),
    },
  );
  if (made.outcome === "ok") return made.squad.id;
  // Another command line was faster.
  const meanwhile = await findSquadBySlug(core.db, scope, slug);
  if (meanwhile !== null) return meanwhile;
  throw new CommandError(made.detail);
}

/** A squad of the time before a provider was configured must not go on with the offline model unnoticed. */
async function replaceOfflineModel(
  core: Core,
  scope: Scope,
  squadId: string,
  notice: (line: string) => void,
): Promise<string | null> {
  const [squad, model] = await Promise.all([
    readSquad(core.db, scope, squadId),
    core.modelGateway.defaultModel(scope.userId),
  ]);
  const isOffline = squad?.members.every((member) => member.model === offlineModel) ?? false;
  if (!isOffline) return null;
  if (model === offlineModel) {
    notice(
      "No model provider is configured: the rule-based offline model works (set a key, for example OPENAI_API_KEY)",
    );
    return null;
  }
  notice(`The squad's members have the offline model; ${model} takes their place (--model ${offlineModel} keeps it)`);
  return model;
}
