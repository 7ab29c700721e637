import type { Tool } from "../types.ts";
import { editFile } from "./edit-file.ts";
import { listFiles } from "./list-files.ts";
import { readFile } from "./read-file.ts";
import { searchFiles } from "./search-files.ts";
import { writeFile } from "./write-file.ts";

/** Every tool there is, in the order in which models and users see them. A new tool is one file and one entry here. */
export const allTools: readonly Tool[] = [listFiles, readFile, searchFiles, writeFile, editFile];

/** The tool of this name, or null. */
export function findTool(name: string): Tool | null {
  return allTools.find((tool) => tool.name === name) ?? null;
}

/** The tools of these names in the registry's order, so that prompts stay byte-stable; unknown names are left out. */
export function toolsFor(names: readonly string[]): Tool[] {
  return allTools.filter((tool) => names.includes(tool.name));
}
