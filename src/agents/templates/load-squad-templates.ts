import { readdir, readFile } from "node:fs/promises";
import { Type } from "typebox";
import { type RoleTemplate, type SquadTemplate, squadProcesses } from "#contracts";
import { parseYaml } from "../parse-yaml.ts";
import { loadRoles } from "../roles/load-roles.ts";

const Template = Type.Object(
  {
    slug: Type.String({ pattern: "^[a-z0-9]+(-[a-z0-9]+)*$", maxLength: 64 }),
    name: Type.String({ minLength: 1, maxLength: 120 }),
    summary: Type.String({ minLength: 1, maxLength: 300 }),
    process: Type.Enum(squadProcesses),
    goal: Type.String({ minLength: 1, maxLength: 4_000 }),
    members: Type.Array(
      Type.Object(
        { name: Type.String({ minLength: 1, maxLength: 120 }), role: Type.String(), isLead: Type.Boolean() },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 50 },
    ),
  },
  { additionalProperties: false },
);

/**
 * Reads the squad templates from the YAML files of a folder, sorted by slug. `roles` are those that members may have. Throws
 * with the file's name when one is not right: a broken template is a fault of the installation and must stop the start.
 */
export async function loadSquadTemplates(
  roles?: readonly RoleTemplate[],
  folder: URL = new URL("./", import.meta.url),
): Promise<SquadTemplate[]> {
  const known = new Set((roles ?? (await loadRoles())).map((role) => role.slug));
  const names = (await readdir(folder)).filter((name) => name.endsWith(".yaml")).sort();
  return Promise.all(
    names.map(async (name) => parseTemplate(name, await readFile(new URL(name, folder), "utf8"), known)),
  );
}

function parseTemplate(fileName: string, text: string, roles: ReadonlySet<string>): SquadTemplate {
  const source = `Squad template ${fileName}`;
  const template = parseYaml(Template, text, source);
  if (`${template.slug}.yaml` !== fileName)
    throw new Error(`${source}: its slug is "${template.slug}", not its file name`);
  const names = template.members.map((member) => member.name);
  if (new Set(names).size !== names.length) throw new Error(`${source}: two members have the same name`);
  const leads = template.members.filter((member) => member.isLead).length;
  if (leads !== 1) throw new Error(`${source}: it has ${leads} leads instead of one`);
  const stray = template.members.find((member) => !roles.has(member.role));
  if (stray !== undefined) throw new Error(`${source}: there is no role "${stray.role}" (member ${stray.name})`);
  return template;
}
