import { readdir, readFile } from "node:fs/promises";
import { Type } from "typebox";
import type { RoleTemplate } from "#contracts";
import { parseYaml } from "../parse-yaml.ts";
import { findTool } from "../tools/registry.ts";

const FrontMatter = Type.Object(
  {
    slug: Type.String({ pattern: "^[a-z0-9]+(-[a-z0-9]+)*$", maxLength: 64 }),
    name: Type.String({ minLength: 1, maxLength: 120 }),
    summary: Type.String({ minLength: 1, maxLength: 300 }),
    tools: Type.Array(Type.String()),
  },
  { additionalProperties: false },
);

/**
 * Reads the roles from the Markdown files of a folder, sorted by slug. Throws with the file's name when one is not right:
 * a broken role is a fault of the installation and must stop the start.
 */
export async function loadRoles(folder: URL = new URL("./", import.meta.url)): Promise<RoleTemplate[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".md")).sort();
  return Promise.all(names.map(async (name) => parseRole(name, await readFile(new URL(name, folder), "utf8"))));
}

function parseRole(fileName: string, text: string): RoleTemplate {
  const match = /^---\r?\n([\s\S]*?)\r?\n---\r?\n([\s\S]*)$/.exec(text);
  if (match === null) throw new Error(`Role ${fileName}: it must begin with front matter between two lines of ---`);
  const front = parseYaml(FrontMatter, match[1] ?? "", `Role ${fileName}`);
  const instructions = (match[2] ?? "").trim();
  if (`${front.slug}.md` !== fileName)
    throw new Error(`Role ${fileName}: its slug is "${front.slug}", not its file name`);
  if (instructions === "") throw new Error(`Role ${fileName}: the instructions are empty`);
  const unknown = front.tools.find((tool) => findTool(tool) === null);
  if (unknown !== undefined) throw new Error(`Role ${fileName}: there is no tool "${unknown}"`);
  return { ...front, instructions };
}
