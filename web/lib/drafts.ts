/** What a person had begun to write, kept on this device: under their id, since others may use the same browser. */
export interface Draft<Form> {
  form: Form;
  /** What the form was made from, to tell whether that has changed since. */
  base: string;
}

const prefixOf = (userId: string) => `muster-draft-${userId}-`;

/** The draft of that name; null where there is none, or storage is forbidden or holds something else. */
export function readDraft<Form>(userId: string, name: string): Draft<Form> | null {
  try {
    const draft = JSON.parse(localStorage.getItem(prefixOf(userId) + name) ?? "null") as Draft<Form> | null;
    return draft && typeof draft.base === "string" && draft.form ? draft : null;
  } catch {
    return null;
  }
}

/** Keeps a draft; null forgets it. False without storage: then it lives as long as the page. */
export function keepDraft<Form>(userId: string, name: string, draft: Draft<Form> | null): boolean {
  try {
    if (draft) localStorage.setItem(prefixOf(userId) + name, JSON.stringify(draft));
    else localStorage.removeItem(prefixOf(userId) + name);
    return true;
  } catch {
    // Forbidden or full.
    return false;
  }
}

function keysOf(userId: string): string[] {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(prefixOf(userId)));
  } catch {
    return [];
  }
}

/** Whether anything that this person began is kept here. */
export function hasDrafts(userId: string): boolean {
  return keysOf(userId).length > 0;
}

/** Leaves nothing of this person's drafts on the device. */
export function forgetDrafts(userId: string): void {
  for (const key of keysOf(userId)) localStorage.removeItem(key);
}
