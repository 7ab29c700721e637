import { Type } from "typebox";
import { defineTool } from "./define-tool.ts";

const MAX_SHOWN = 500;

/** Pure: it changes nothing, so a crash may repeat it. */
export const listFiles = defineTool({
  name: "list_files",
  description: "Lists the files of the workspace with their sizes. The task's own files stand in attachments/.",
  class: "pure",
  parameters: Type.Object(
    { folder: Type.Optional(Type.String({ description: 'Only files below this folder, for example "attachments"' })) },
    { additionalProperties: false },
  ),
  async run({ folder }, { workspace }) {
    const entries = await workspace.list(folder ?? "");
    if (entries.length === 0) return "There are no files.";
    const lines = entries.slice(0, MAX_SHOWN).map((entry) => `${entry.path} (${entry.bytes} bytes)`);
    if (entries.length > MAX_SHOWN)
      lines.push(`[${entries.length - MAX_SHOWN} more files are not shown: name a folder]`);
    return lines.join("\n");
  },
});
