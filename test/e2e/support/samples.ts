import type {
  CreateExecutionBody,
  ExecutionAnswer,
  ExecutionStateAnswer,
  ProjectAnswer,
  SquadAnswer,
  SquadTemplateList,
  TaskAnswer,
} from "#contracts";
import type { Call } from "./people.ts";
import { waitUntil } from "./running-muster.ts";

export interface Samples {
  squadId: string;
  projectId: string;
  taskId: string;
  executionId: string;
}

const material = `# Keeping data

Backups are made every night and kept for 35 days. They are tested once a month by restoring one at random.

## What is not covered

Files on laptops are not part of it. Nobody has measured how long a full restore takes.

## Costs

Storage costs 212 dollars a month; it grew by 18 % in the last year.
`;

/** A few squads, projects, tasks and finished executions, made through the API as a user would have made them. */
export async function seedSamples(call: Call): Promise<Samples> {
  const { data: templates } = await call<SquadTemplateList>("GET", "/squad-templates");
  const squads = [];
  for (const template of templates)
    squads.push((await call<SquadAnswer>("POST", "/squads", { template: template.slug })).squad);
  for (const name of ["Market watch", "Incident reviewers", "Onboarding guides"].slice(
    0,
    Math.max(0, 8 - squads.length),
  )) {
    squads.push((await call<SquadAnswer>("POST", "/squads", { template: "research-report", name })).squad);
  }
  const squad = squads.find((one) => one.slug.startsWith("research")) ?? squads[0];
  if (!squad) throw new Error("There are no squad templates");
  await call("PUT", `/budgets/squads/${squad.id}`, { limitNanoUsd: 25_000_000_000 });
  const { project } = await call<ProjectAnswer>("POST", "/projects", {
    name: "Operations",
    description: "What keeps the lights on.",
  });
  await call("POST", "/projects", { name: "Writing" });
  const attachments = [
    { name: "keeping-data.md", mediaType: "text/markdown", contentBase64: Buffer.from(material).toString("base64") },
  ];
  const titles = ["Report: can we lose data?", "Compare storage costs with last year", "Draft the restore drill"];
  const tasks = [];
  for (const title of titles) {
    const body = {
      projectId: project.id,
      squadId: squad.id,
      title,
      description: "Use the attached text; every statement with its source.",
      attachments,
    };
    tasks.push((await call<TaskAnswer>("POST", "/tasks", body)).task);
  }
  for (const title of ["Ask the vendor about exports", "Plan the next audit"])
    await call("POST", "/tasks", { projectId: project.id, title, priority: "low" });
  const [first, second] = tasks;
  if (!first || !second) throw new Error("No task was made");
  const executionId = await runTask(call, first.id);
  await runTask(call, second.id);
  return { squadId: squad.id, projectId: project.id, taskId: first.id, executionId };
}

/** Starts a task and waits until its execution has ended. Returns its id. */
export async function runTask(call: Call, taskId: string, body: CreateExecutionBody = {}): Promise<string> {
  const { execution } = await call<ExecutionStateAnswer>("POST", `/tasks/${taskId}/executions`, body);
  let status = "";
  await waitUntil(
    60_000,
    () => `The execution is ${status}`,
    async () => {
      status = (await call<ExecutionAnswer>("GET", `/executions/${execution.id}`)).execution.status;
      return ["completed", "failed", "cancelled", "budget_exceeded"].includes(status);
    },
  );
  return execution.id;
}
