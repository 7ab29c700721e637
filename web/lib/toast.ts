import { messageOf } from "./api.ts";

export interface ToastEntry {
  id: number;
  kind: "done" | "error";
  title: string;
  detail?: string;
  durationMs: number;
  action?: { label: string; run: () => void };
}

/** More are shown only where each has something to choose: a way back is not pushed out by news. */
const mostToasts = 3;

function createToastStore() {
  let toasts: ToastEntry[] = [];
  let count = 0;
  const listeners = new Set<() => void>();
  const change = (next: ToastEntry[]) => {
    toasts = next;
    for (const listener of listeners) listener();
  };
  return {
    read: () => toasts,
    subscribe(listener: () => void) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    add(toast: Omit<ToastEntry, "id">) {
      count += 1;
      const next = [...toasts, { ...toast, id: count }];
      while (next.length > mostToasts) {
        const oldest = next.slice(0, -1).findIndex(({ action }) => !action);
        if (oldest < 0) break;
        next.splice(oldest, 1);
      }
      change(next);
      return count;
    },
    remove(id: number) {
      change(toasts.filter((toast) => toast.id !== id));
    },
    clear: () => change([]),
  };
}

/** The toasts now on screen: one list for the whole window, at most three unless all of them offer something to do. */
export const toastStore = createToastStore();

/** Says that something was done, with a way back where there is one. Returns its id, for `dismissToast`. */
export function toastDone(title: string, undo?: () => void): number {
  return toastStore.add({
    kind: "done",
    title,
    durationMs: undo ? 9000 : 4000,
    ...(undo ? { action: { label: "Undo", run: undo } } : {}),
  });
}

/** Says what was done, what that means, and offers what can be done about it. */
export function toastNext(title: string, detail: string, action: { label: string; run: () => void }): void {
  toastStore.add({ kind: "done", title, detail, durationMs: 12_000, action });
}

/** Says what failed and why; `retry` offers to try once more. */
export function toastError(title: string, error: unknown, retry?: () => void): void {
  toastStore.add({
    kind: "error",
    title,
    detail: messageOf(error),
    durationMs: 10_000,
    ...(retry ? { action: { label: "Try again", run: retry } } : {}),
  });
}

export function dismissToast(id: number): void {
  toastStore.remove(id);
}
