import { useEffect, useRef, useState } from "react";
import type { AddAttachmentsBody, Task } from "#contracts";
import { apiSend, messageOf } from "../../lib/api.ts";
import { toastError } from "../../lib/toast.ts";
import { attachmentLimits, fileProblem, toAttachment } from "./attachments.ts";

/** A file that was not attached, and why; it is still at hand. */
export interface RefusedFile {
  file: File;
  reason: string;
}

/**
 * Attaches files to a task one by one, so that it can be said how far it is and one that is refused holds none of the
 * others back. Goes on when its view is closed; then a message says what was refused.
 */
export function useUploads(task: Task, onAdded: () => void) {
  const [adding, setAdding] = useState<{ number: number; total: number } | null>(null);
  const [refused, setRefused] = useState<RefusedFile[]>([]);
  const shown = useRef(false);
  useEffect(() => {
    shown.current = true;
    return () => {
      shown.current = false;
    };
  }, []);
  const add = async (files: File[]) => {
    if (files.length === 0) return;
    const free = attachmentLimits.count - task.attachments.length;
    if (files.length > free) {
      const rest = free > 0 ? `${free} more can be added` : "this one is full";
      toastError("Not attached", new Error(`A task takes ${attachmentLimits.count} files at most; ${rest}.`));
      return;
    }
    setRefused((before) => before.filter(({ file }) => !files.includes(file)));
    const failed: RefusedFile[] = [];
    for (const [index, file] of files.entries()) {
      setAdding({ number: index + 1, total: files.length });
      const reason = await attach(task.id, file);
      if (reason !== null) failed.push({ file, reason });
    }
    if (failed.length < files.length) onAdded();
    setRefused((before) => [...before, ...failed]);
    setAdding(null);
    const [first] = failed;
    if (first && !shown.current) {
      const more = failed.length > 1 ? ` So are ${failed.length - 1} others.` : "";
      toastError("Not attached", new Error(`${first.file.name}: ${first.reason}${more}`));
    }
  };
  return { add, adding, refused, drop: () => setRefused([]) };
}

/** Null when it is attached, otherwise why not. */
async function attach(taskId: string, file: File): Promise<string | null> {
  const problem = fileProblem(file);
  if (problem) return problem;
  try {
    const body: AddAttachmentsBody = { attachments: [await toAttachment(file)] };
    await apiSend("POST", `/api/v1/tasks/${taskId}/attachments`, body);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
