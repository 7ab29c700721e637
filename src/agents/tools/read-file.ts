import { Type } from "typebox";
import { sizeLimits } from "#contracts";
import { defineTool } from "./define-tool.ts";

const DEFAULT_LINES = 500;
const MAX_CHARACTERS = 24_000;
const MAX_LINE_CHARACTERS = 2_000;

/** Pure: it changes nothing, so a crash may repeat it. Lines come with numbers, so that they can be quoted as file:line. */
export const readFile = defineTool({
  name: "read_file",
  description:
    'Reads a text file of the workspace. Each line comes as "number| text"; quote sources as path:number. ' +
    "Long files come in parts: the first line of the answer says what is shown and where to read on.",
  class: "pure",
  parameters: Type.Object(
    {
      path: Type.String({ description: "Path inside the workspace, for example attachments/notes.md" }),
      startLine: Type.Optional(Type.Integer({ minimum: 1, description: "First line to read; 1 when left out" })),
      maxLines: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 2_000, description: `${DEFAULT_LINES} when left out` }),
      ),
    },
    { additionalProperties: false },
  ),
  async run({ path, startLine = 1, maxLines = DEFAULT_LINES }, { workspace }) {
    const { text, bytes } = await workspace.read(path, { maxBytes: sizeLimits.attachmentBytes });
    const lines = splitLines(text);
    if (lines.length === 0) return `${path}: the file is empty (${bytes} bytes).`;
    if (startLine > lines.length) return `${path} has only ${lines.length} lines.`;
    const shown = numbered(lines, startLine, maxLines);
    const last = startLine + shown.length - 1;
    const rest = last < lines.length ? `; read on with startLine ${last + 1}` : "";
    return `${path}: lines ${startLine}-${last} of ${lines.length}${rest}\n${shown.join("\n")}`;
  },
});

function splitLines(text: string): string[] {
  if (text === "") return [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function numbered(lines: string[], startLine: number, maxLines: number): string[] {
  const shown: string[] = [];
  let characters = 0;
  for (const [index, line] of lines.slice(startLine - 1, startLine - 1 + maxLines).entries()) {
    const whole = line.endsWith("\r") ? line.slice(0, -1) : line;
    const text = whole.length > MAX_LINE_CHARACTERS ? `${whole.slice(0, MAX_LINE_CHARACTERS)} [line cut]` : whole;
    const row = `${startLine + index}| ${text}`;
    characters += row.length + 1;
    if (characters > MAX_CHARACTERS && shown.length > 0) break;
    shown.push(row);
  }
  return shown;
}
