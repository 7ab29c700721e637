import type { SquadForm } from "./squad-form.ts";

interface Draft {
  form: SquadForm;
  /** `updatedAt` of the squad it was made from: a draft of an older state is not offered. */
  base: string;
}

const keyOf = (squadId: string) => `muster-draft-squad-${squadId}`;

/** Unsaved changes of the builder that survived a reload; null when there are none for this state of the squad. */
export function readDraft(squadId: string, base: string): SquadForm | null {
  try {
    const draft = JSON.parse(localStorage.getItem(keyOf(squadId)) ?? "null") as Draft | null;
    return draft?.base === base && Array.isArray(draft.form?.members) ? draft.form : null;
  } catch {
    // Unreadable or forbidden storage holds no draft.
    return null;
  }
}

/** Keeps unsaved changes on this device; null forgets them. */
export function keepDraft(squadId: string, base: string, form: SquadForm | null): void {
  try {
    if (form) localStorage.setItem(keyOf(squadId), JSON.stringify({ form, base } satisfies Draft));
    else localStorage.removeItem(keyOf(squadId));
  } catch {
    // Without storage, changes live as long as the page.
  }
}
