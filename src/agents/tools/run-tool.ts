import type { TSchema } from "typebox";
import { Value } from "typebox/value";
import type { Tool, ToolAnswer, ToolContext } from "../types.ts";
import { WorkspaceError } from "../workspace/workspace-error.ts";

const MAX_REPORTED_ERRORS = 5;

/**
 * Parses the arguments by the tool's schema and runs it. What a model can put right (arguments, paths, sizes) comes back as a
 * failed answer that says how; faults reject.
 */
export async function runTool(tool: Tool, argumentsJson: string, context: ToolContext): Promise<ToolAnswer> {
  const parsed = parseArguments(tool, argumentsJson);
  if (parsed.outcome === "invalid") return { state: "failed", content: parsed.detail };
  context.signal.throwIfAborted();
  try {
    return { state: "done", content: await tool.run(parsed.args as never, context) };
  } catch (error) {
    if (error instanceof WorkspaceError) return { state: "failed", content: error.message };
    throw error;
  }
}

function parseArguments(
  tool: Tool,
  argumentsJson: string,
): { outcome: "valid"; args: unknown } | { outcome: "invalid"; detail: string } {
  let args: unknown;
  try {
    args = argumentsJson.trim() === "" ? {} : JSON.parse(argumentsJson);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { outcome: "invalid", detail: `The arguments of ${tool.name} are not valid JSON: ${why}` };
  }
  // The parameters are a TypeBox schema, which the neutral Tool type shows as the JSON Schema that it is.
  const schema = tool.parameters as TSchema;
  if (Value.Check(schema, args)) return { outcome: "valid", args };
  const errors = Value.Errors(schema, args)
    .slice(0, MAX_REPORTED_ERRORS)
    .map((error) => `${error.instancePath === "" ? "arguments" : error.instancePath}: ${error.message}`);
  return { outcome: "invalid", detail: `The arguments of ${tool.name} do not fit its schema. ${errors.join("; ")}` };
}
