import { forgetDrafts } from "./drafts.ts";
import { toastStore } from "./toast.ts";

export { hasDrafts } from "./drafts.ts";

/** After a sign-out, what a person had begun, or was just told, is in this browser no longer. */
export function forgetPerson(userId: string): void {
  forgetDrafts(userId);
  toastStore.clear();
}
