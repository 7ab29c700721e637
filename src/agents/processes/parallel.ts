import { SUMMARY_TITLE, summaryPrompt } from "../prompts/step-prompts.ts";
import type { ExecutionRuntime, NewStep, ProcessOutcome } from "../types.ts";
import { approveFirstStep } from "./approve-first-step.ts";
import { leadOf, membersInOrder, prepareContext } from "./process-context.ts";
import { runInOrder } from "./run-in-order.ts";
import { type DoneStep, doStep, doWorkStep, outputTokens } from "./work-step.ts";

const INSTRUCTION =
  "Work on the whole task from your role's point of view; other members do so from theirs at the same time, and the lead merges. Answer with your result.";

/** The process `parallel`: all members but the lead work on the task at once, the lead merges. A lead alone does the task. */
export async function runParallel(runtime: ExecutionRuntime): Promise<ProcessOutcome> {
  const lead = leadOf(runtime);
  if (lead === null) {
    return {
      outcome: "failed",
      reason: "squad_invalid",
      detail: "The squad has no lead. Make one of its members the lead.",
    };
  }
  const others = membersInOrder(runtime).filter((member) => member !== lead);
  const workers = others.length > 0 ? others : [lead];
  const planned = workers.map(
    (member, index): NewStep => ({
      key: `work/${index + 1}`,
      kind: "work",
      title: `${member.name}: ${runtime.task.title}`.slice(0, 300),
      memberId: member.id,
      dependsOn: [],
      doneCriterion: "",
    }),
  );
  if (others.length > 0) {
    const dependsOn = planned.map((step) => step.key);
    const doneCriterion = "The task is answered from the results of all members.";
    planned.push({
      key: "summary",
      kind: "summary",
      title: SUMMARY_TITLE,
      memberId: lead.id,
      dependsOn,
      doneCriterion,
    });
  }
  const steps = await runtime.addSteps(planned);
  const refusal = await approveFirstStep(runtime, steps);
  if (refusal !== null) return refusal;

  const context = await prepareContext(runtime);
  const results = new Map<string, DoneStep>();
  const failures: string[] = [];
  const work = steps.filter((step) => step.kind === "work");
  await runInOrder(work, runtime.squad.limits.maxParallelSteps, async (step) => {
    const outcome = await doWorkStep(context, step, { inputs: [], instruction: INSTRUCTION });
    if (outcome.outcome === "done") results.set(step.key, outcome.done);
    else failures.push(outcome.detail);
    return outcome.outcome === "done";
  });
  if (failures.length > 0) return { outcome: "failed", reason: "step_failed", detail: failures.join(" ") };

  const done = work.flatMap((step) => results.get(step.key) ?? []);
  const summary = steps.find((step) => step.kind === "summary");
  if (summary === undefined) return resultOf(done[0]);
  const inputs = done.map((each) => each.handedOver);
  const canWriteFiles = lead.tools.includes("write_file");
  const prompt = () => summaryPrompt({ context: context.task, inputs, openRemarks: [], canWriteFiles });
  const merged = await doStep(context, summary, prompt, outputTokens.summary);
  return merged.outcome === "done"
    ? resultOf(merged.done)
    : { outcome: "failed", reason: "step_failed", detail: merged.detail };
}

function resultOf(done: DoneStep | undefined): ProcessOutcome {
  if (done === undefined) throw new Error("A finished step has a result");
  return { outcome: "completed", resultMessageId: done.messageId };
}
