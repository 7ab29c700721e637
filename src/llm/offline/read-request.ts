import type { LlmRequest } from "../types.ts";

/** What the offline model was asked to do, read from the marks that Muster's prompts carry. */
export interface SquadRequest {
  kind: "plan" | "work" | "review" | "summary";
  task: string;
  attachments: { path: string; text: string; whole: boolean }[];
  /** Results of other steps. */
  inputs: HandedInput[];
  /** Reasons of a reviewer: why work was sent back, or what stayed open. */
  reasons: string[];
  /** The lines of the step's block, as `Name: value`. */
  facts: { name: string; value: string }[];
  /** What follows the blocks: the instruction in words. */
  instruction: string;
  /** The squad's rules and goal. */
  system: string;
  toolCalls: PastToolCall[];
}

export interface HandedInput {
  step: string;
  title: string;
  by: string;
  text: string;
}

export interface PastToolCall {
  name: string;
  arguments: Record<string, unknown>;
  result: string;
}

interface Block {
  tag: string;
  attributes: Record<string, string>;
  content: string;
}

const kinds = ["plan", "work", "review", "summary"] as const;

/** Reads a request of a squad's step; null for everything else, which is plain chat. */
export function readSquadRequest(request: LlmRequest): SquadRequest | null {
  const message = request.messages.find((each) => each.role === "user" && each.content.includes("<muster-step "));
  if (message === undefined) return null;
  const { blocks, rest } = readBlocks(message.content);
  const step = blocks.find((block) => block.tag === "step");
  const kind = kinds.find((each) => each === step?.attributes.kind);
  if (step === undefined || kind === undefined) return null;
  const ofTag = (tag: string) => blocks.filter((block) => block.tag === tag);
  return {
    kind,
    task: ofTag("task")[0]?.content ?? "",
    attachments: ofTag("attachment")
      .filter((block) => block.attributes.shown !== "nothing")
      .map((block) => ({
        path: block.attributes.path ?? "",
        text: block.content,
        whole: block.attributes.shown === "all",
      })),
    inputs: ofTag("input").map(({ attributes, content }) => ({
      step: attributes.step ?? "",
      title: attributes.title ?? "",
      by: attributes.by ?? "",
      text: content,
    })),
    reasons: ofTag("reasons").flatMap((block) => block.content.split("\n").map((line) => line.replace(/^- /, ""))),
    facts: step.content.split("\n").map(readFact),
    instruction: rest,
    system: request.messages.find((each) => each.role === "system")?.content ?? "",
    toolCalls: readToolCalls(request),
  };
}

function readFact(line: string): { name: string; value: string } {
  const colon = line.indexOf(":");
  if (colon < 0) return { name: "", value: line.trim() };
  return { name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
}

/** The value of the first line of this name in the step's block. */
export function factOf(request: SquadRequest, name: string): string {
  return request.facts.find((fact) => fact.name === name)?.value ?? "";
}

function readBlocks(text: string): { blocks: Block[]; rest: string } {
  const blocks: Block[] = [];
  let rest = "";
  let from = 0;
  for (;;) {
    const start = text.indexOf("<muster-", from);
    const opened = start < 0 ? -1 : text.indexOf(">\n", start);
    if (opened < 0) break;
    const head = /^<muster-([a-z]+)((?: [a-z]+="[^"]*")*)$/.exec(text.slice(start, opened));
    const end = head === null ? -1 : text.indexOf(`\n</muster-${head[1]}>`, opened);
    if (head === null || end < 0) break;
    const attributes = Object.fromEntries(
      [...(head[2] ?? "").matchAll(/ ([a-z]+)="([^"]*)"/g)].map((match) => [match[1], match[2]]),
    );
    blocks.push({ tag: head[1] ?? "", attributes, content: restore(text.slice(opened + 2, end)) });
    rest += text.slice(from, start);
    from = end + `\n</muster-${head[1]}>`.length;
  }
  return { blocks, rest: (rest + text.slice(from)).trim() };
}

/** Undoes what keeps material from closing its block. */
function restore(content: string): string {
  return content.includes("<\\") ? content.replaceAll(/<\\(\/?)muster-/gi, "<$1muster-") : content;
}

function readToolCalls(request: LlmRequest): PastToolCall[] {
  const results = new Map<string, string>();
  for (const message of request.messages) {
    if (message.role === "tool") results.set(message.toolCallId, message.content);
  }
  return request.messages.flatMap((message) =>
    message.role !== "assistant"
      ? []
      : (message.toolCalls ?? []).map((call) => ({
          name: call.name,
          arguments: readArguments(call.arguments),
          result: results.get(call.id) ?? "",
        })),
  );
}

function readArguments(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch (error) {
    // Another model of the squad may have written it; a call that cannot be read tells the offline model nothing.
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
