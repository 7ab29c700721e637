import type { MemberSnapshot } from "#contracts";
import { systemPrompt } from "../prompts/system-prompt.ts";
import { loadAttachments, taskContext } from "../prompts/task-context.ts";
import type { ExecutionRuntime, StepRecord } from "../types.ts";

/** What the steps of one run share. Built anew on every replay from the same snapshots, so its prompts are the same bytes. */
export interface ProcessContext {
  runtime: ExecutionRuntime;
  /** The task and its attachments as prompts show them. */
  task: string;
  systemOf: (member: MemberSnapshot) => string;
}

export async function prepareContext(runtime: ExecutionRuntime): Promise<ProcessContext> {
  const attachments = await loadAttachments(runtime.task, (name, maxBytes) => runtime.readAttachment(name, maxBytes));
  const systems = new Map<string, string>();
  return {
    runtime,
    task: taskContext(runtime.task, attachments),
    systemOf: (member) => {
      const known = systems.get(member.id);
      if (known !== undefined) return known;
      const made = systemPrompt(runtime.squad, member);
      systems.set(member.id, made);
      return made;
    },
  };
}

/** The squad's members in their order. */
export function membersInOrder(runtime: ExecutionRuntime): MemberSnapshot[] {
  return [...runtime.squad.members].sort((left, right) => left.position - right.position);
}

/** The lead, or null. A squad has at most one; should a snapshot have more, the first counts. */
export function leadOf(runtime: ExecutionRuntime): MemberSnapshot | null {
  return membersInOrder(runtime).find((member) => member.isLead) ?? null;
}

/** The member a step belongs to. Steps name members of the same snapshot, so a missing one is a fault. */
export function memberOf(runtime: ExecutionRuntime, step: StepRecord): MemberSnapshot {
  const member = runtime.squad.members.find((each) => each.id === step.memberId);
  if (member === undefined)
    throw new Error(`Step ${step.key} belongs to member ${step.memberId}, who is not in the squad`);
  return member;
}
