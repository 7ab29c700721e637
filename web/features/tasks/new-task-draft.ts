import { useEffect, useRef, useState } from "react";
import type { UseFormReturn } from "react-hook-form";
import type { TaskPriority } from "#contracts";
import { keepDraft, readDraft } from "../../lib/drafts.ts";
import { plural } from "../../lib/format.ts";

export interface NewTaskForm {
  title: string;
  description: string;
  priority: TaskPriority;
  projectId: string;
  squadId: string;
}

/** What is typed, and how many files were chosen: of files a browser keeps nothing. */
interface TaskDraft {
  values: NewTaskForm;
  files: number;
}

/**
 * Keeps what is typed on the device, so that it outlives a reload and the end of a session, and fills the form with what
 * was kept. `found` says so in words.
 */
export function useNewTaskDraft(
  form: UseFormReturn<NewTaskForm>,
  userId: string | undefined,
  name: string,
  files: readonly File[],
) {
  const { reset, watch } = form;
  const { isDirty } = form.formState;
  const [found] = useState(() => (userId ? (readDraft<TaskDraft>(userId, name)?.form ?? null) : null));
  const [isKept, setIsKept] = useState(false);
  // Until the form holds it, an empty form is no reason to forget it; what was created or thrown away stays so.
  const holds = useRef<"nothing yet" | "the draft" | "an end">("nothing yet");
  useEffect(() => {
    if (found) reset(found.values, { keepDefaultValues: true });
  }, [found, reset]);
  const kept = JSON.stringify({ values: watch(), files: files.length } satisfies TaskDraft);
  useEffect(() => {
    if (!userId || holds.current === "an end") return;
    if (!isDirty) {
      if (holds.current === "the draft") keepDraft(userId, name, null);
      setIsKept(false);
      return;
    }
    holds.current = "the draft";
    setIsKept(keepDraft(userId, name, { form: JSON.parse(kept) as TaskDraft, base: "" }));
  }, [userId, name, kept, isDirty]);
  return {
    isKept,
    found: found
      ? `What you had typed was kept on this device.${found.files > 0 ? ` Choose its ${plural(found.files, "file")} again.` : ""}`
      : undefined,
    forget: () => {
      holds.current = "an end";
      if (userId) keepDraft(userId, name, null);
    },
  };
}
