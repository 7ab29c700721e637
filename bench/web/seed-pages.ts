import type { Page } from "playwright-core";
import type { ExecutionStateAnswer, ModelList, ProjectAnswer, SquadAnswer, SquadPage, TaskAnswer } from "#contracts";
import type { PacedProvider } from "../../test/e2e/support/paced-provider.ts";
import type { Call } from "../../test/e2e/support/people.ts";
import type { Samples } from "../../test/e2e/support/samples.ts";

/** A page of the bench: where it is, and what says that its content is there. */
export interface BenchPage {
  /** As in the table. */
  name: string;
  path: string;
  ready: string;
  /** What somebody does there who works with the page, beside the palette that every page has. */
  use?: (tab: Page) => Promise<void>;
}

/** The running execution, while it is written to. */
export const livePage = "execution, 10,000 messages, 50 new/s";

/** Makes squads until the person has so many; each with its members. */
export async function growSquads(call: Call, wanted: number): Promise<void> {
  const { total } = await call<SquadPage>("GET", "/squads?page=1&pageSize=1");
  for (let count = total; count < wanted; count += 1)
    await call("POST", "/squads", { template: "research-report", name: `Squad ${count}` });
}

const typeIntoSearch = (tab: Page) => tab.getByRole("main").getByRole("searchbox").first().pressSequentially("re");
const typeIntoMessages = (tab: Page) => tab.getByLabel("Search the messages").pressSequentially("re");
const openMember = (tab: Page) => tab.locator("main [aria-expanded=false]").first().click();
const chooseStep = (tab: Page) => tab.locator("ol button[aria-pressed]").first().click();
const groupByModel = (tab: Page) => tab.getByRole("tab", { name: "Model" }).click();
async function liftCard(tab: Page): Promise<void> {
  await tab.locator("main [aria-roledescription]").first().focus();
  for (const key of ["Space", "ArrowRight", "Escape"]) await tab.keyboard.press(key);
}

/** The squads of one who has so many. */
export const squadsPage = (count: number): BenchPage => ({
  name: `squads, ${count}`,
  path: "/squads",
  ready: `main li >> nth=${Math.min(count, 24) - 1}`,
  use: typeIntoSearch,
});

/** The pages, once everything they show is there. */
export function benchPages({ squadId, projectId, executionId }: Samples, liveId: string): BenchPage[] {
  return [
    { name: "dashboard", path: "/", ready: "text=Recent executions" },
    squadsPage(100),
    { name: "squad", path: `/squads/${squadId}`, ready: "text=All changes are saved", use: openMember },
    { name: "board", path: `/projects/${projectId}`, ready: "h2:has-text('Pending')", use: liftCard },
    { name: "execution", path: `/executions/${executionId}`, ready: "article", use: chooseStep },
    { name: livePage, path: `/executions/${liveId}`, ready: "article >> nth=3", use: typeIntoMessages },
    { name: "usage", path: "/usage", ready: "table", use: groupByModel },
    { name: "performance", path: "/performance", ready: "table" },
  ];
}

/** Starts a squad whose first call is not answered before the bench has ended; returns the execution, which then runs. */
export async function startWaitingExecution(call: Call, provider: PacedProvider): Promise<string> {
  await call("POST", "/provider-accounts", {
    kind: "openai",
    name: "Slow",
    baseUrl: provider.baseUrl,
    apiKey: "sk-local-0000",
    allowPrivateAddress: true,
    models: ["gpt-4o-mini"],
    requestsPerMinute: 10_000,
  });
  const models = await call<ModelList>("GET", "/models");
  const model = models.data.find((one) => one.available && one.id.endsWith("gpt-4o-mini"))?.id;
  const { squad } = await call<SquadAnswer>("POST", "/squads", { template: "research-report", name: "Live", model });
  const { project } = await call<ProjectAnswer>("POST", "/projects", { name: "Live" });
  const { task } = await call<TaskAnswer>("POST", "/tasks", {
    projectId: project.id,
    squadId: squad.id,
    title: "A long conversation",
    description: "Ten thousand messages, and fifty new ones each second.",
  });
  return (await call<ExecutionStateAnswer>("POST", `/tasks/${task.id}/executions`, {})).execution.id;
}
