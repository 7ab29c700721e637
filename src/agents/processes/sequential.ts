import type { HandedOver } from "../prompts/step-prompts.ts";
import type { ExecutionRuntime, NewStep, ProcessOutcome } from "../types.ts";
import { approveFirstStep } from "./approve-first-step.ts";
import { membersInOrder, prepareContext } from "./process-context.ts";
import { doWorkStep } from "./work-step.ts";

const FIRST =
  "You are the first of several members who work on the task one after the other. Do your role's part and hand on a result the next can build on.";
const NEXT =
  "Go on from what the member before you handed over. Do your role's part on it and hand on the whole improved result, not remarks about it.";
const LAST =
  "You are the last. Turn what the member before you handed over into the squad's finished result for the user, in full. If it is a text, also write it to a file when you can.";
const ONLY = "Do the task and answer with the finished result for the user.";

/** The process `sequential`: members in their order, each sees what the one before handed over; the last writes the result. */
export async function runSequential(runtime: ExecutionRuntime): Promise<ProcessOutcome> {
  const members = membersInOrder(runtime);
  if (members.length === 0) {
    return { outcome: "failed", reason: "squad_invalid", detail: "The squad has no members. Add at least one." };
  }
  const planned = members.map(
    (member, index): NewStep => ({
      key: `work/${index + 1}`,
      kind: "work",
      title: `${member.name}: ${runtime.task.title}`.slice(0, 300),
      memberId: member.id,
      dependsOn: index === 0 ? [] : [`work/${index}`],
      doneCriterion: index === members.length - 1 ? "The task is done and the result is ready for the user." : "",
    }),
  );
  const steps = await runtime.addSteps(planned);
  const refusal = await approveFirstStep(runtime, steps);
  if (refusal !== null) return refusal;
  const context = await prepareContext(runtime);
  let former: { handedOver: HandedOver; messageId: string } | null = null;
  for (const [index, step] of steps.entries()) {
    const instruction = instructionFor(index, steps.length);
    const inputs: HandedOver[] = former === null ? [] : [former.handedOver];
    const outcome = await doWorkStep(context, step, { inputs, instruction });
    if (outcome.outcome === "failed") return { outcome: "failed", reason: "step_failed", detail: outcome.detail };
    former = outcome.done;
  }
  if (former === null) throw new Error("addSteps returned no step");
  return { outcome: "completed", resultMessageId: former.messageId };
}

function instructionFor(index: number, count: number): string {
  if (count === 1) return ONLY;
  if (index === 0) return FIRST;
  return index === count - 1 ? LAST : NEXT;
}
