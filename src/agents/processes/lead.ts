import type { MemberSnapshot } from "#contracts";
import {
  type HandedOver,
  planPrompt,
  planRepairPrompt,
  SUMMARY_TITLE,
  summaryPrompt,
} from "../prompts/step-prompts.ts";
import type { ExecutionRuntime, NewStep, ProcessOutcome, StepRecord } from "../types.ts";
import { askStructured } from "./member-loop.ts";
import { leadOf, membersInOrder, type ProcessContext, prepareContext } from "./process-context.ts";
import { reviewGroup, reviewStep } from "./review.ts";
import { runInOrder } from "./run-in-order.ts";
import { type PlannedWork, parsePlan, planSchema } from "./structured-answers.ts";
import { type DoneStep, doStep, doWorkStep, outputTokens } from "./work-step.ts";

/** More steps than this are not a plan a person can follow. */
const MAX_PLANNED_STEPS = 20;
const WORK = "work/";

interface Crew {
  lead: MemberSnapshot;
  /** Who may own work steps: all but the lead and the reviewer, unless nobody else is there. */
  owners: MemberSnapshot[];
  /** Who reviews: the member with the role "reviewer", else the lead. */
  reviewer: MemberSnapshot;
  /** A squad with a reviewer has every work step reviewed; without one, only those for which the plan asks. */
  reviewsAll: boolean;
}

function crewOf(runtime: ExecutionRuntime): Crew | null {
  const members = membersInOrder(runtime);
  const lead = leadOf(runtime);
  if (lead === null) return null;
  const reviewer = members.find((member) => member.role === "reviewer");
  const workers = members.filter((member) => member !== lead && member !== reviewer);
  const others = members.filter((member) => member !== lead);
  const owners = workers.length > 0 ? workers : others.length > 0 ? others : [lead];
  return { lead, owners, reviewer: reviewer ?? lead, reviewsAll: reviewer !== undefined && mayReview(runtime) };
}

function mayReview(runtime: ExecutionRuntime): boolean {
  return runtime.squad.limits.maxReviewRounds > 0;
}

/**
 * The process `lead`: the lead plans, members do each step as soon as its dependencies are done, reviews may send steps back,
 * the lead writes the result. Without reviews that is one call for the plan, one or more per step, one or more for the result.
 */
export async function runLead(runtime: ExecutionRuntime): Promise<ProcessOutcome> {
  const crew = crewOf(runtime);
  if (crew === null) {
    return {
      outcome: "failed",
      reason: "squad_invalid",
      detail: "The squad has no lead. Make one of its members the lead.",
    };
  }
  const context = await prepareContext(runtime);
  const refusal = await plan(context, crew);
  if (refusal !== null) return { outcome: "failed", ...refusal };
  const work = await doWork(context, crew);
  if (work.outcome === "failed") return { outcome: "failed", reason: "step_failed", detail: work.detail };
  return summarise(context, crew, work.results, work.openRemarks);
}

interface PlanRefusal {
  reason: "plan_invalid" | "approval_refused";
  detail: string;
}

/** Adds the planned steps, or says why there is no plan. On replay the steps that were added are the plan. */
async function plan(context: ProcessContext, crew: Crew): Promise<PlanRefusal | null> {
  const { runtime } = context;
  const [step] = await runtime.addSteps([planStep(crew)]);
  if (step === undefined) throw new Error("addSteps returned no step");
  if (step.status !== "completed") {
    await runtime.startStep(step);
    const maxSteps = Math.min(MAX_PLANNED_STEPS, stepRoom(runtime, crew));
    const answer = await askStructured(
      context,
      {
        step,
        member: crew.lead,
        prompt: planPrompt(context.task, crew.owners, maxSteps),
        maxOutputTokens: outputTokens.plan,
      },
      { name: "muster_plan", schema: planSchema(crew.owners) },
      (text) => parsePlan(text, crew.owners, maxSteps),
      planRepairPrompt,
    );
    if (answer.outcome === "invalid") {
      const error = `The plan of ${crew.lead.name} (${crew.lead.model}) could not be used, even after one repair: ${answer.errors.join("; ")}. Try a stronger model for the lead.`;
      await runtime.finishStep(step, { status: "failed", outputMessageId: answer.messageId, error });
      return { reason: "plan_invalid", detail: error };
    }
    // The steps come first: a completed plan step means that they are all there.
    const planned = mayReview(runtime) ? answer.value : answer.value.map((each) => ({ ...each, review: false }));
    await runtime.addSteps(stepsOf(planned, crew));
    await runtime.finishStep(step, { status: "completed", outputMessageId: answer.messageId });
  }
  if (!runtime.squad.requireApproval) return null;
  const { approved } = await runtime.requestApproval(step, "The squad asks for approval of its plan.");
  return approved ? null : { reason: "approval_refused", detail: "The plan was not approved." };
}

function planStep({ lead }: Crew): NewStep {
  return {
    key: "plan",
    kind: "plan",
    title: "Plan the work",
    memberId: lead.id,
    dependsOn: [],
    doneCriterion: "Every step has an owner, its dependencies and a criterion that can be checked.",
  };
}

/** How many work steps the execution's limit leaves room for, beside plan, summary and one review for each. */
function stepRoom(runtime: ExecutionRuntime, crew: Crew): number {
  const left = runtime.squad.limits.maxSteps - 2;
  return Math.max(1, crew.reviewsAll ? Math.floor(left / 2) : left);
}

/** The plan as steps: the work, the reviews that are known by now, and the summary. */
function stepsOf(planned: readonly PlannedWork[], crew: Crew): NewStep[] {
  const work = planned.map(
    ({ key, title, memberId, dependsOn, doneCriterion }): NewStep => ({
      key: WORK + key,
      kind: "work",
      title,
      memberId,
      dependsOn: dependsOn.map((each) => WORK + each),
      doneCriterion,
    }),
  );
  const reviewed = work.filter(
    (step) => crew.reviewsAll || planned.some((each) => each.review && WORK + each.key === step.key),
  );
  return [...work, ...reviewsOf(work, reviewed, crew), summaryStep(crew, work)];
}

function reviewsOf(work: readonly NewStep[], reviewed: readonly NewStep[], crew: Crew): NewStep[] {
  const isAwaited = (step: NewStep) => work.some((other) => other.dependsOn.includes(step.key));
  const single = reviewed.filter(isAwaited).map((step) => reviewStep(reviewKey(step.key), 1, crew.reviewer, [step]));
  const last = reviewed.filter((step) => !isAwaited(step));
  return last.length === 0 ? single : [...single, reviewStep("review", 1, crew.reviewer, last)];
}

/** The key of the review of one step. */
function reviewKey(workKey: string): string {
  return `review/${workKey.slice(WORK.length)}`;
}

function summaryStep({ lead }: Crew, work: readonly NewStep[]): NewStep {
  return {
    key: "summary",
    kind: "summary",
    title: SUMMARY_TITLE,
    memberId: lead.id,
    dependsOn: work.map((step) => step.key),
    doneCriterion: "The task is answered from the results of all steps.",
  };
}

type WorkOutcome =
  | { outcome: "done"; results: HandedOver[]; openRemarks: string[] }
  | { outcome: "failed"; detail: string };

async function doWork(context: ProcessContext, crew: Crew): Promise<WorkOutcome> {
  const { runtime } = context;
  const planned = runtime.steps();
  const work = planned.filter((step) => step.kind === "work" && !step.key.includes("/revision-"));
  const results = new Map<string, DoneStep>();
  const openRemarks = new Map<string, string[]>();
  const failures: string[] = [];
  const byKey = new Map(work.map((step) => [step.key, step]));
  const inputsOf = (key: string) =>
    (byKey.get(key)?.dependsOn ?? []).flatMap((each) => results.get(each)?.handedOver ?? []);
  const review = async (key: string, plannedKeys: readonly string[]) => {
    const group = plannedKeys.flatMap((each) => results.get(each) ?? []);
    const outcome = await reviewGroup({ context, reviewer: crew.reviewer, key, inputsOf }, group);
    if (outcome.outcome === "failed") failures.push(outcome.detail);
    else {
      for (const [index, result] of outcome.results.entries())
        results.set(plannedKeys[index] ?? result.step.key, result);
      openRemarks.set(key, outcome.openRemarks);
    }
    return outcome.outcome === "reviewed";
  };
  const finished = await runInOrder(work, runtime.squad.limits.maxParallelSteps, async (step) => {
    const outcome = await doWorkStep(context, step, { inputs: inputsOf(step.key) });
    if (outcome.outcome === "failed") {
      failures.push(outcome.detail);
      return false;
    }
    results.set(step.key, outcome.done);
    return has(planned, reviewKey(step.key)) ? review(reviewKey(step.key), [step.key]) : true;
  });
  if (finished) await reviewLast(planned, review);
  if (failures.length > 0) return { outcome: "failed", detail: failures.join(" ") };
  const handedOver = work.flatMap((step) => results.get(step.key)?.handedOver ?? []);
  return { outcome: "done", results: handedOver, openRemarks: [...openRemarks.values()].flat() };
}

async function reviewLast(
  planned: readonly StepRecord[],
  review: (key: string, plannedKeys: readonly string[]) => Promise<boolean>,
): Promise<void> {
  const last = planned.find((step) => step.key === "review");
  if (last !== undefined) await review(last.key, last.dependsOn);
}

function has(steps: readonly StepRecord[], key: string): boolean {
  return steps.some((step) => step.key === key);
}

async function summarise(
  context: ProcessContext,
  crew: Crew,
  inputs: readonly HandedOver[],
  openRemarks: readonly string[],
): Promise<ProcessOutcome> {
  const step = context.runtime.steps().find((each) => each.kind === "summary");
  if (step === undefined) throw new Error("The plan has no summary step");
  const canWriteFiles = crew.lead.tools.includes("write_file");
  const prompt = () => summaryPrompt({ context: context.task, inputs, openRemarks, canWriteFiles });
  const outcome = await doStep(context, step, prompt, outputTokens.summary);
  return outcome.outcome === "done"
    ? { outcome: "completed", resultMessageId: outcome.done.messageId }
    : { outcome: "failed", reason: "step_failed", detail: outcome.detail };
}
