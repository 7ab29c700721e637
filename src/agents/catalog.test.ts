import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { loadRoles } from "./roles/load-roles.ts";
import { loadSquadTemplates } from "./templates/load-squad-templates.ts";

test("the software roles and those for texts are there, each with a short instruction", async () => {
  const roles = await loadRoles();
  const slugs = roles.map((role) => role.slug);
  const expected =
    "analyst backend-developer data-engineer designer devops-engineer editor frontend-developer full-stack-developer ml-engineer project-manager qa-engineer researcher reviewer security-engineer solution-architect tech-lead writer";
  assert.deepEqual(slugs, expected.split(" "));
  for (const role of roles) {
    assert.ok(role.instructions.length > 200 && role.instructions.length < 1_500, role.slug);
    assert.ok(role.tools.includes("read_file"), role.slug);
  }
});

test("every template has one lead, known roles and a goal", async () => {
  const templates = await loadSquadTemplates();
  assert.deepEqual(
    templates.map((template) => [template.slug, template.process]),
    [
      ["code-review", "parallel"],
      ["data-analysis", "lead"],
      ["release-notes", "sequential"],
      ["research-report", "lead"],
      ["web-app", "lead"],
    ],
  );
});

const front = "slug: x\nname: X\nsummary: An x\ntools: [read_file]\n";
const brokenRoles: [string, string, RegExp][] = [
  ["no front matter", "Just text", /Role x\.md: it must begin with front matter/],
  ["a field too many", `---\n${front}color: red\n---\nDo it.\n`, /Role x\.md: .*additional/],
  ["another slug", `---\n${front.replace("slug: x", "slug: y")}---\nDo it.\n`, /its slug is "y", not its file name/],
  [
    "an unknown tool",
    `---\n${front.replace("read_file", "launch_rocket")}---\nDo it.\n`,
    /there is no tool "launch_rocket"/,
  ],
  ["no text", `---\n${front}---\n\n`, /the instructions are empty/],
  ["broken YAML", "---\na: b: c\n---\nDo it.\n", /Role x\.md: /],
];
for (const [name, text, expected] of brokenRoles) {
  test(`a role with ${name} is refused with its file's name`, () =>
    inFolder("x.md", text, (folder) => assert.rejects(loadRoles(folder), expected)));
}

const template = "slug: x\nname: X\nsummary: An x\nprocess: lead\ngoal: Do it\nmembers:\n";
const brokenTemplates: [string, string, RegExp][] = [
  ["no lead", `${template}  - { name: A, role: writer, isLead: false }\n`, /0 leads instead of one/],
  ["an unknown role", `${template}  - { name: A, role: wizard, isLead: true }\n`, /no role "wizard" \(member A\)/],
  [
    "an unknown process",
    `${template.replace("lead", "swarm")}  - { name: A, role: writer, isLead: true }\n`,
    /x\.yaml: \/process/,
  ],
  [
    "two members of one name",
    `${template}  - { name: A, role: writer, isLead: true }\n  - { name: A, role: writer, isLead: false }\n`,
    /two members have the same name/,
  ],
];
for (const [name, text, expected] of brokenTemplates) {
  test(`a template with ${name} is refused with its file's name`, () =>
    inFolder("x.yaml", text, (folder) => assert.rejects(loadSquadTemplates(undefined, folder), expected)));
}

async function inFolder(name: string, text: string, work: (folder: URL) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "muster-catalog-"));
  try {
    await writeFile(join(folder, name), text);
    await work(pathToFileURL(`${folder}/`));
  } finally {
    await rm(folder, { recursive: true });
  }
}
