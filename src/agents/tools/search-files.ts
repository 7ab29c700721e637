import { Type } from "typebox";
import { defineTool } from "./define-tool.ts";

/** Pure: it changes nothing, so a crash may repeat it. */
export const searchFiles = defineTool({
  name: "search_files",
  description:
    "Finds the lines of the workspace's text files that contain a text. The pattern is plain text, not a regular expression; " +
    'upper and lower case are the same and * stands for any characters within the line. Answers with "path:line: text".',
  class: "pure",
  parameters: Type.Object(
    {
      pattern: Type.String({ minLength: 1, maxLength: 200 }),
      folder: Type.Optional(Type.String({ description: "Only files below this folder" })),
      maxMatches: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: "100 when left out" })),
    },
    { additionalProperties: false },
  ),
  async run({ pattern, folder, maxMatches = 100 }, { workspace }) {
    const options = folder === undefined ? { maxMatches } : { maxMatches, folder };
    const matches = await workspace.search(pattern, options);
    if (matches.length === 0) return `No line contains ${JSON.stringify(pattern)}.`;
    const lines = matches.map((match) => `${match.path}:${match.line}: ${match.text}`);
    if (matches.length >= maxMatches)
      lines.push(`[stopped at ${maxMatches} matches: search for something more specific]`);
    return lines.join("\n");
  },
});
