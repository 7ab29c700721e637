import type { MemberSnapshot } from "#contracts";
import type { LlmMessage, LlmRequest, LlmTool, LlmToolCall } from "#llm";
import { boundText } from "../prompts/bound-text.ts";
import { toolsFor } from "../tools/registry.ts";
import type { ModelAnswer, StepRecord, Tool } from "../types.ts";
import { createLoopGuard, type LoopGuard } from "./loop-guard.ts";
import type { ProcessContext } from "./process-context.ts";
import type { Parsed } from "./structured-answers.ts";

/** Model calls of one step; the last must answer without tools. */
const MAX_TURNS = 12;
const MAX_TOOL_CALLS_PER_TURN = 16;
const MAX_TOOL_RESULT_CHARACTERS = 32_000;
/** Tool results of one step, together; when it is used up the member must answer with what it has. */
const MAX_TOOL_CHARACTERS = 200_000;

const ANSWER_NOW =
  "You have used up the tool calls of this step. Answer now with what you have, and say what is missing.";
const STOP_REPEATING = "\n[You have made this call three times with the same result. Do something else.]";

export interface MemberWork {
  step: StepRecord;
  member: MemberSnapshot;
  prompt: string;
  maxOutputTokens: number;
}

export type MemberResult =
  | { outcome: "answered"; text: string; messageId: string; truncated: boolean }
  | { outcome: "unanswered"; error: string };

/**
 * A member's work on one step: model, tool calls, model … until it answers. All calls go through the runtime by stable keys
 * (`turn-2`, `turn-2/tool-1`), so a replay takes the recorded answers and goes on where they end.
 */
export async function runMember(context: ProcessContext, work: MemberWork): Promise<MemberResult> {
  const { runtime } = context;
  const tools = toolsFor(work.member.tools);
  const messages = openingMessages(context, work);
  const guard = createLoopGuard();
  let room = MAX_TOOL_CHARACTERS;
  for (let turn = 1; turn <= MAX_TURNS; turn += 1) {
    const last = turn === MAX_TURNS || room <= 0;
    if (last) messages.push({ role: "user", content: ANSWER_NOW });
    const request = buildRequest(context, work, messages, tools, last);
    const answer = await runtime.callModel({ step: work.step, key: `turn-${turn}`, memberId: work.member.id, request });
    if (last || answer.toolCalls.length === 0) return resultOf(answer, work.member);
    messages.push({ role: "assistant", content: answer.text, toolCalls: answer.toolCalls });
    for (const [index, call] of answer.toolCalls.entries()) {
      const content = await answerTool({ context, work, tools, guard }, call, `turn-${turn}/tool-${index + 1}`, index);
      room -= content.length;
      messages.push({ role: "tool", toolCallId: call.id, content });
    }
  }
  throw new Error("The last turn returns");
}

/**
 * Asks for an answer of a fixed form, with one repair attempt that tells the model what was wrong. The errors of the second
 * attempt come back when it fails too.
 */
export async function askStructured<Value>(
  context: ProcessContext,
  work: MemberWork,
  form: { name: string; schema: Record<string, unknown> },
  parse: (text: string) => Parsed<Value>,
  repairPrompt: (errors: readonly string[]) => string,
): Promise<Parsed<Value> & { messageId: string }> {
  const { runtime } = context;
  const messages = openingMessages(context, work);
  const ask = async (key: string) => {
    const request = buildRequest(context, work, messages, [], false);
    request.responseFormat = { type: "json_schema", name: form.name, schema: form.schema };
    return runtime.callModel({ step: work.step, key, memberId: work.member.id, request });
  };
  const first = await ask("turn-1");
  const parsed = parse(first.text);
  if (parsed.outcome === "valid") return { ...parsed, messageId: first.messageId };
  messages.push({ role: "assistant", content: first.text === "" ? "(no text)" : first.text });
  messages.push({ role: "user", content: repairPrompt(parsed.errors) });
  const second = await ask("repair-1");
  return { ...parse(second.text), messageId: second.messageId };
}

function openingMessages(context: ProcessContext, work: MemberWork): LlmMessage[] {
  return [
    { role: "system", content: context.systemOf(work.member) },
    { role: "user", content: work.prompt },
  ];
}

function buildRequest(
  { runtime }: ProcessContext,
  work: MemberWork,
  messages: readonly LlmMessage[],
  tools: readonly Tool[],
  last: boolean,
): LlmRequest {
  const request: LlmRequest = {
    model: work.member.model,
    messages: [...messages],
    maxOutputTokens: work.maxOutputTokens,
  };
  if (tools.length > 0) {
    // The tools stay in the request when they may not be used any more: taking them out would change the cached prefix.
    request.tools = tools.map(({ name, description, parameters }): LlmTool => ({ name, description, parameters }));
    request.toolChoice = last ? "none" : "auto";
  }
  if (runtime.squad.fallbackModels.length > 0) request.fallbackModels = runtime.squad.fallbackModels;
  return request;
}

function resultOf(answer: ModelAnswer, member: MemberSnapshot): MemberResult {
  if (answer.finishReason === "content_filter") {
    return {
      outcome: "unanswered",
      error: `The provider's content filter stopped the answer of ${member.name} (${member.model}).`,
    };
  }
  if (answer.text.trim() === "" && answer.finishReason === "length") {
    return {
      outcome: "unanswered",
      error: `${member.name} (${member.model}) reached its output limit before it wrote anything.`,
    };
  }
  if (answer.text.trim() === "") {
    return { outcome: "unanswered", error: `${member.name} (${member.model}) gave an empty answer.` };
  }
  return {
    outcome: "answered",
    text: answer.text,
    messageId: answer.messageId,
    truncated: answer.finishReason === "length",
  };
}

interface ToolScene {
  context: ProcessContext;
  work: MemberWork;
  tools: readonly Tool[];
  guard: LoopGuard;
}

async function answerTool(scene: ToolScene, call: LlmToolCall, key: string, index: number): Promise<string> {
  const { context, work, tools, guard } = scene;
  if (index >= MAX_TOOL_CALLS_PER_TURN) {
    return `Not run: at most ${MAX_TOOL_CALLS_PER_TURN} tool calls are made at once. Ask again if you still need it.`;
  }
  // Checked here as well as at the tool: what a member may use is the squad's decision, not the model's.
  if (!tools.some((tool) => tool.name === call.name)) {
    const names = tools.map((tool) => tool.name).join(", ");
    return `You have no tool "${call.name}". ${names === "" ? "You have no tools." : `Yours are: ${names}.`}`;
  }
  const answer = await context.runtime.callTool({
    step: work.step,
    key,
    memberId: work.member.id,
    tool: call.name,
    argumentsJson: call.arguments,
  });
  const content = boundText(answer.content, MAX_TOOL_RESULT_CHARACTERS);
  if (!guard.repeats(call.name, call.arguments, answer.content)) return content;
  await context.runtime.pause(
    `${work.member.name} made the same call of ${call.name} three times with the same result (step "${work.step.title}", ${key}). Resume to let the step go on, or cancel.`,
  );
  return content + STOP_REPEATING;
}
