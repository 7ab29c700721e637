import type { Static, TObject } from "typebox";
import type { ToolClass } from "#contracts";
import type { Tool, ToolContext } from "../types.ts";

/** Makes a tool whose handler's arguments are typed by its schema. */
export function defineTool<Parameters extends TObject>(definition: {
  name: string;
  description: string;
  class: ToolClass;
  parameters: Parameters;
  run: (args: Static<Parameters>, context: ToolContext) => Promise<string>;
}): Tool {
  // The registry holds tools of different arguments; `runTool` has checked them against `parameters` before it calls.
  return definition as unknown as Tool;
}
