import { Value } from "typebox/value";
import type { MemberSnapshot } from "#contracts";
import { type HandedOver, reviewPrompt, reviewRepairPrompt } from "../prompts/step-prompts.ts";
import type { NewStep, StepRecord } from "../types.ts";
import { askStructured } from "./member-loop.ts";
import { memberOf, type ProcessContext } from "./process-context.ts";
import { type Job, runInOrder } from "./run-in-order.ts";
import { parseReview, ReviewAnswer, reviewSchema } from "./structured-answers.ts";
import { type DoneStep, doWorkStep, outputTokens } from "./work-step.ts";

export type Verdicts = ReviewAnswer["verdicts"];

/*
 * How reviews are cut. A step that others wait for is reviewed by itself as soon as it is done, so that nobody builds on
 * mistakes. All reviewed steps that only the result waits for share one review: it costs one call instead of many and sees
 * contradictions between them. A step is sent back at most `maxReviewRounds` times; the last revision is taken as it is and
 * the reasons for it are handed on to the summary.
 */

/** The review steps of a group: `key` for the first round, `key/round-2` … for the following. */
export function reviewStep(
  key: string,
  round: number,
  reviewer: MemberSnapshot,
  group: readonly Pick<NewStep, "key" | "title">[],
): NewStep {
  const first = group[0];
  const what = group.length === 1 && first !== undefined ? `"${first.title}"` : `${group.length} results`;
  return {
    key: round === 1 ? key : `${key}/round-${round}`,
    kind: "review",
    title: `Review of ${what}${round === 1 ? "" : ` (round ${round})`}`,
    memberId: reviewer.id,
    dependsOn: group.map((step) => step.key),
    doneCriterion: "Each result is accepted, or sent back with reasons.",
  };
}

export type ReviewOutcome =
  | { outcome: "reviewed"; results: DoneStep[]; openRemarks: string[] }
  | { outcome: "failed"; detail: string };

interface ReviewSetting {
  context: ProcessContext;
  reviewer: MemberSnapshot;
  /** Key of the group's first review step. */
  key: string;
  /** What a planned step worked on, for its revisions. */
  inputsOf: (plannedKey: string) => readonly HandedOver[];
}

/** Reviews a group of finished steps and has them revised until they are accepted or the rounds are used up. */
export async function reviewGroup(setting: ReviewSetting, group: readonly DoneStep[]): Promise<ReviewOutcome> {
  const { maxReviewRounds } = setting.context.runtime.squad.limits;
  // By the key of the step first planned; a revision takes its place.
  const results = new Map(group.map((done) => [done.step.key, done]));
  const openRemarks: string[] = [];
  let pending = [...results.keys()];
  for (let round = 1; round <= maxReviewRounds && pending.length > 0; round += 1) {
    const current = pending.flatMap((key) => results.get(key) ?? []);
    const step = await addReview(setting, round, current);
    const verdicts = await judge(setting.context, step, current);
    if (verdicts === null) {
      openRemarks.push(`The review of ${titles(current)} could not be read, so it was not checked.`);
      break;
    }
    const sentBack = pending.flatMap((key): SentBack[] => {
      const previous = results.get(key);
      const verdict = verdicts.find((each) => each.step === previous?.step.key);
      return previous === undefined || verdict?.verdict !== "revise"
        ? []
        : [{ key, dependsOn: [], previous, reasons: verdict.reasons }];
    });
    const failure = await revise(setting, { round, reviewKey: step.key, sentBack, results });
    if (failure !== null) return { outcome: "failed", detail: failure };
    if (round === maxReviewRounds) openRemarks.push(...sentBack.map(uncheckedRemark));
    pending = sentBack.map((each) => each.key);
  }
  return { outcome: "reviewed", results: [...results.values()], openRemarks };
}

interface SentBack extends Job {
  previous: DoneStep;
  reasons: readonly string[];
}

function uncheckedRemark({ previous, reasons }: SentBack): string {
  const title = baseTitle(previous.step.title);
  return `"${title}" was revised a last time and not checked again; it had been sent back because: ${reasons.join(" / ")}`;
}

async function addReview(setting: ReviewSetting, round: number, group: readonly DoneStep[]): Promise<StepRecord> {
  const steps = group.map((done) => done.step);
  const [step] = await setting.context.runtime.addSteps([reviewStep(setting.key, round, setting.reviewer, steps)]);
  if (step === undefined) throw new Error("addSteps returned no step");
  return step;
}

async function judge(context: ProcessContext, step: StepRecord, group: readonly DoneStep[]): Promise<Verdicts | null> {
  const { runtime } = context;
  if (step.status === "completed") return recordedVerdicts(step);
  await runtime.startStep(step);
  const keys = group.map((done) => done.step.key);
  const steps = group.map((done) => ({ ...done.handedOver, doneCriterion: done.step.doneCriterion }));
  const member = memberOf(runtime, step);
  const answer = await askStructured(
    context,
    { step, member, prompt: reviewPrompt(context.task, steps), maxOutputTokens: outputTokens.review },
    { name: "muster_review", schema: reviewSchema(keys) },
    (text) => parseReview(text, keys),
    reviewRepairPrompt,
  );
  const data = answer.outcome === "valid" ? { verdicts: answer.value } : { unreadable: answer.errors };
  await runtime.finishStep(step, { status: "completed", outputMessageId: answer.messageId, data });
  return answer.outcome === "valid" ? answer.value : null;
}

function recordedVerdicts(step: StepRecord): Verdicts | null {
  const recorded = { verdicts: step.data?.verdicts };
  return Value.Check(ReviewAnswer, recorded) ? recorded.verdicts : null;
}

interface Revisions {
  round: number;
  reviewKey: string;
  sentBack: readonly SentBack[];
  results: Map<string, DoneStep>;
}

/** Has the steps that were sent back done again; their results take the old ones' place. Returns why it failed, or null. */
async function revise(
  setting: ReviewSetting,
  { round, reviewKey, sentBack, results }: Revisions,
): Promise<string | null> {
  const { context } = setting;
  let failure: string | null = null;
  await runInOrder(sentBack, context.runtime.squad.limits.maxParallelSteps, async ({ key, previous, reasons }) => {
    const [step] = await context.runtime.addSteps([
      {
        key: `${key}/revision-${round}`,
        kind: "work",
        title: `${baseTitle(previous.step.title)} (revision ${round})`,
        memberId: previous.step.memberId,
        dependsOn: [reviewKey],
        doneCriterion: previous.step.doneCriterion,
      },
    ]);
    if (step === undefined) throw new Error("addSteps returned no step");
    const revision = { previous: previous.handedOver.text, reasons };
    const outcome = await doWorkStep(context, step, { inputs: setting.inputsOf(key), revision });
    if (outcome.outcome === "done") results.set(key, outcome.done);
    else failure = outcome.detail;
    return outcome.outcome === "done";
  });
  return failure;
}

function titles(group: readonly DoneStep[]): string {
  return group.map((done) => `"${done.step.title}"`).join(", ");
}

function baseTitle(title: string): string {
  return title.replace(/ \(revision \d+\)$/, "");
}
