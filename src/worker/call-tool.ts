import { ExecutionStopped, findTool, runTool, type ToolAnswer, type ToolCallRequest, type ToolContext } from "#agents";
import { deterministicId } from "./call-model.ts";
import type { BatchPart, ExecutionJournal } from "./execution-journal.ts";
import { storableText } from "./journal-batch.ts";
import type { LoadedExecution } from "./load-execution.ts";

/** Characters of a tool's arguments and answer that events carry; the whole stands in `tool_calls`. */
const shownArguments = 4_000;
const shownResult = 500;

export interface CallToolOptions {
  execution: LoadedExecution;
  journal: ExecutionJournal;
  context: ToolContext;
  checkLimit: () => void;
  /** Throws when nothing may be done any more. */
  checkStopped: () => Promise<void>;
}

/**
 * Runs one tool call of an execution, journalled by its class: `pure` is simply run again after a crash, `idempotent` is
 * repeated, `unsafe` is run at most once: when it was interrupted, its outcome is `unknown` and the model is told so.
 */
export async function callTool(options: CallToolOptions, request: ToolCallRequest): Promise<ToolAnswer> {
  const { execution, journal } = options;
  const past = execution.tools.find((one) => one.stepId === request.step.id && one.key === request.key);
  if (past && past.state !== "started") return { state: past.state, content: past.result ?? "" };
  const toolClass = findTool(request.tool)?.class ?? "pure";
  const id = past?.id ?? deterministicId(execution.id, request.step.id, "tool", request.key, execution.epoch);
  if (past && toolClass === "unsafe") return record(journal, id, interrupted(request.tool));
  options.checkLimit();
  const begin = beginPart(id, toolClass, request);
  // Only what changes something needs its intent on record first; reading can simply be done again.
  if (toolClass === "pure") journal.add(begin);
  else await journal.commit(begin);
  await options.checkStopped();
  return record(journal, id, await perform(request, options.context));
}

async function perform(request: ToolCallRequest, context: ToolContext): Promise<ToolAnswer> {
  const tool = findTool(request.tool);
  if (!tool) return { state: "failed", content: `There is no tool named ${request.tool.slice(0, 80)}.` };
  try {
    const answer = await runTool(tool, request.argumentsJson, context);
    return { state: answer.state, content: storableText(answer.content) };
  } catch (error) {
    if (context.signal.aborted) throw new ExecutionStopped("aborted");
    throw error;
  }
}

function record(journal: ExecutionJournal, id: string, answer: ToolAnswer): ToolAnswer {
  const summary = answer.content.slice(0, shownResult).toWellFormed();
  journal.add({
    toolEnds: [{ id, state: answer.state, result: answer.content }],
    events: [{ type: "tool-end", data: { toolCallId: id, state: answer.state, summary } }],
  });
  return answer;
}

function interrupted(tool: string): ToolAnswer {
  return {
    state: "unknown",
    content:
      `Muster was interrupted while ${tool} ran; whether it took effect is not known. It was not repeated. ` +
      "Look at the current state before you decide what to do.",
  };
}

function beginPart(id: string, toolClass: "pure" | "idempotent" | "unsafe", request: ToolCallRequest): BatchPart {
  const stepId = request.step.id;
  const { memberId } = request;
  const tool = storableText(request.tool).slice(0, 200).toWellFormed();
  const args = storableText(request.argumentsJson);
  return {
    toolBegins: [{ id, stepId, key: request.key, memberId, tool, class: toolClass, arguments: args }],
    events: [
      {
        type: "tool-start",
        data: { toolCallId: id, stepId, memberId, tool, arguments: args.slice(0, shownArguments).toWellFormed() },
      },
    ],
  };
}
