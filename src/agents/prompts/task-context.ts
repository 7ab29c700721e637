import type { TaskSnapshot } from "#contracts";
import { shareOut } from "./bound-text.ts";
import { block } from "./markers.ts";

/** Bytes of attachments that stand in a prompt, together; the file tools read the rest. */
const ATTACHMENT_BYTES = 32_000;

export interface ShownAttachment {
  path: string;
  bytes: number;
  /** The beginning of the text, or null when it is not readable text. */
  text: string | null;
}

/** Reads as much of each attachment as prompts show. */
export async function loadAttachments(
  task: TaskSnapshot,
  read: (name: string, maxBytes: number) => Promise<string | null>,
): Promise<ShownAttachment[]> {
  const shares = shareOut(
    task.attachments.map((attachment) => attachment.bytes),
    ATTACHMENT_BYTES,
  );
  return Promise.all(
    task.attachments.map(async ({ name, bytes }, index) => ({
      path: `attachments/${name}`,
      bytes,
      text: await read(name, Math.max(1, shares[index] ?? 0)),
    })),
  );
}

/** The task and its attachments: the same bytes for every member and step of an execution. */
export function taskContext(task: TaskSnapshot, attachments: readonly ShownAttachment[]): string {
  const text = task.description === "" ? task.title : `${task.title}\n\n${task.description}`;
  return [block("task", {}, text), ...attachments.map(attachmentBlock)].join("\n\n");
}

function attachmentBlock({ path, bytes, text }: ShownAttachment): string {
  if (text === null) {
    return block("attachment", { path, bytes, shown: "nothing" }, "(This file is not readable text.)");
  }
  const shownBytes = Buffer.byteLength(text);
  if (shownBytes >= bytes) return block("attachment", { path, bytes, shown: "all" }, text);
  const note = `[… cut here: ${bytes - shownBytes} of ${bytes} bytes are not shown. read_file reads on, search_files finds passages.]`;
  return block("attachment", { path, bytes, shown: "beginning" }, `${text}\n${note}`);
}
