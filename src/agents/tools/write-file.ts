import { Type } from "typebox";
import { sizeLimits } from "#contracts";
import { defineTool } from "./define-tool.ts";
import { refuseAttachment } from "./refuse-attachment.ts";

/** Idempotent: the same content under the same path, however often a crash repeats it. */
export const writeFile = defineTool({
  name: "write_file",
  description:
    "Writes a whole text file into the workspace, making folders as needed and replacing what was there. " +
    "The user gets every file outside attachments/ as part of the result.",
  class: "idempotent",
  parameters: Type.Object(
    {
      path: Type.String({ description: "Path inside the workspace, for example report.md or src/app.ts" }),
      content: Type.String({ description: `The whole file, at most ${sizeLimits.fileBytes} bytes` }),
    },
    { additionalProperties: false },
  ),
  async run({ path, content }, { workspace }) {
    refuseAttachment(path);
    const written = await workspace.write(path, content);
    return `Wrote ${written.path} (${written.bytes} bytes).`;
  },
});
