import { Type } from "typebox";
import { defineTool } from "./define-tool.ts";
import { refuseAttachment } from "./refuse-attachment.ts";

/**
 * Unsafe, so it runs at most once: when the new text contains the old one ("a" → "a, b"), a second run would change the file
 * again. After a crash in the middle the model is told that the outcome is not known, and reads the file to see.
 */
export const editFile = defineTool({
  name: "edit_file",
  description:
    "Replaces one passage of a text file. oldText must stand in the file exactly once, character for character, " +
    "without the line numbers that read_file shows.",
  class: "unsafe",
  parameters: Type.Object(
    {
      path: Type.String(),
      oldText: Type.String({ minLength: 1, description: "The passage to replace, exactly as it stands in the file" }),
      newText: Type.String({ description: "What to put in its place; empty to remove it" }),
    },
    { additionalProperties: false },
  ),
  async run({ path, oldText, newText }, { workspace }) {
    refuseAttachment(path);
    const edited = await workspace.edit(path, oldText, newText);
    return `Replaced the passage in ${edited.path} (now ${edited.bytes} bytes).`;
  },
});
