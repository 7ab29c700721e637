"use client";
import { CircleCheck, TriangleAlert, X } from "lucide-react";
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { dismissToast, type ToastEntry, toastStore } from "../../lib/toast.ts";
import { IconButton } from "./button.tsx";

const none: ToastEntry[] = [];
const nothingHeld: ReadonlySet<string> = new Set();

/** One that was waited for stays this long at least after it: nothing goes at the moment it is let go. */
const leastMs = 1500;

/** Where toasts are shown and read out. They wait while one has the focus or the pointer: all, for they move together. */
export function Toaster() {
  const toasts = useSyncExternalStore(toastStore.subscribe, toastStore.read, () => none);
  const [held, setHeld] = useState<ReadonlySet<string>>(nothingHeld);
  const hold = useCallback((what: string, on: boolean) => {
    setHeld((before) => {
      const next = new Set(before);
      if (on) next.add(what);
      else next.delete(what);
      return next;
    });
  }, []);
  // One that was closed under the pointer says nothing more: it holds no other.
  const waiting = toasts.some(({ id }) => held.has(`pointer ${id}`) || held.has(`focus ${id}`));
  return (
    <section
      aria-label="Messages"
      aria-live="polite"
      className="pointer-events-none fixed inset-x-3 bottom-18 z-50 flex flex-col items-center gap-2 md:right-4 md:bottom-4 md:left-auto md:items-end"
    >
      {toasts.map((toast) => (
        <Toast key={toast.id} toast={toast} waiting={waiting} hold={hold} />
      ))}
    </section>
  );
}

interface ToastProps {
  toast: ToastEntry;
  /** Its time does not run. */
  waiting: boolean;
  hold: (what: string, on: boolean) => void;
}

function Toast({ toast, waiting, hold }: ToastProps) {
  const leftMs = useRef(toast.durationMs);
  useEffect(() => {
    if (waiting) return;
    const begunMs = Date.now();
    const timer = setTimeout(() => dismissToast(toast.id), leftMs.current);
    return () => {
      clearTimeout(timer);
      leftMs.current = Math.max(leastMs, leftMs.current - (Date.now() - begunMs));
    };
  }, [toast, waiting]);
  const bad = toast.kind === "error";
  const Icon = bad ? TriangleAlert : CircleCheck;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: nothing is done here, it is only noticed that one is here
    <div
      role={bad ? "alert" : "status"}
      onPointerEnter={() => hold(`pointer ${toast.id}`, true)}
      onPointerLeave={() => hold(`pointer ${toast.id}`, false)}
      onFocus={() => hold(`focus ${toast.id}`, true)}
      onBlur={() => hold(`focus ${toast.id}`, false)}
      className="pointer-events-auto flex w-full max-w-sm animate-rise items-start gap-2.5 rounded-lg bg-raised py-2 pr-2 pl-3 text-sm shadow-pop"
    >
      <Icon aria-hidden className={`mt-1 size-4 shrink-0 ${bad ? "text-bad" : "text-good"}`} />
      <div className="min-w-0 flex-1 py-0.5">
        <p className="font-medium [overflow-wrap:anywhere]">{toast.title}</p>
        {toast.detail && <p className="text-muted [overflow-wrap:anywhere]">{toast.detail}</p>}
      </div>
      {toast.action && (
        <button
          type="button"
          className="rounded px-2 py-0.5 font-medium text-accent hover:bg-hover pointer-coarse:min-h-10 pointer-coarse:px-3"
          onClick={() => {
            toast.action?.run();
            dismissToast(toast.id);
          }}
        >
          {toast.action.label}
        </button>
      )}
      <IconButton label="Dismiss" className="size-6" onClick={() => dismissToast(toast.id)}>
        <X aria-hidden className="size-3.5" />
      </IconButton>
    </div>
  );
}
