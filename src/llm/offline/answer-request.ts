import type { LlmRequest } from "../types.ts";
import { answerChat } from "./chat-answer.ts";
import type { OfflineAnswer } from "./offline-answer.ts";
import { answerPlan } from "./plan-answer.ts";
import { readSquadRequest } from "./read-request.ts";
import { NOTICE } from "./report.ts";
import { answerReview } from "./review-answer.ts";
import { schemaInstance } from "./schema-instance.ts";
import { answerSummary, isLastStep } from "./summary-answer.ts";
import { answerWork } from "./work-answer.ts";

/** Answers a request by rules. The same request always gets the same answer. */
export function answerRequest(request: LlmRequest): OfflineAnswer {
  const squad = readSquadRequest(request);
  const tools = new Set(request.toolChoice === "none" ? [] : (request.tools ?? []).map((tool) => tool.name));
  if (squad === null) return answerPlain(request);
  switch (squad.kind) {
    case "plan":
      return textOnly(answerPlan(squad));
    case "review":
      return textOnly(answerReview(squad));
    case "summary":
      return answerSummary(squad, tools);
    case "work":
      return answerWorkStep(request, tools);
  }
}

/** The last member of a sequence hands in a finished result: its own findings and what was handed over, as a report. */
function answerWorkStep(request: LlmRequest, tools: ReadonlySet<string>): OfflineAnswer {
  const squad = readSquadRequest(request);
  if (squad === null) return answerPlain(request);
  const own = answerWork(squad, tools);
  if (own.toolCalls.length > 0 || !isLastStep(squad)) return own;
  const inputs = [...squad.inputs, { step: "own", title: squad.facts[0]?.value ?? "", by: "", text: own.text }];
  return answerSummary({ ...squad, inputs }, tools);
}

function textOnly(text: string): OfflineAnswer {
  return { text, toolCalls: [] };
}

/** A request that is no squad's: a forced tool or a wanted form is met in form only, everything else is chat. */
function answerPlain(request: LlmRequest): OfflineAnswer {
  const called = request.messages.some((message) => message.role === "tool");
  const choice = request.toolChoice;
  const forced =
    typeof choice === "object"
      ? request.tools?.find((tool) => tool.name === choice.name)
      : choice === "required"
        ? request.tools?.[0]
        : undefined;
  if (forced !== undefined && !called) {
    const value = schemaInstance(forced.parameters);
    const args = typeof value === "object" && value !== null ? { ...value } : {};
    return { text: "", toolCalls: [{ name: forced.name, arguments: args }] };
  }
  const format = request.responseFormat;
  if (format?.type === "json_schema") return textOnly(JSON.stringify(schemaInstance(format.schema)));
  if (format?.type === "json_object") return textOnly(JSON.stringify({ answer: answerChat(request), note: NOTICE }));
  return textOnly(answerChat(request));
}
