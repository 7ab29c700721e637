"use client";
import { CircleCheck, TriangleAlert, X } from "lucide-react";
import { useEffect, useSyncExternalStore } from "react";
import { dismissToast, type ToastEntry, toastStore } from "../../lib/toast.ts";
import { IconButton } from "./button.tsx";

const none: ToastEntry[] = [];

/** Where toasts are shown and read out. They wait while one has the focus or the pointer. */
export function Toaster() {
  const toasts = useSyncExternalStore(toastStore.subscribe, toastStore.read, () => none);
  return (
    <section
      aria-label="Messages"
      aria-live="polite"
      className="pointer-events-none fixed inset-x-3 bottom-18 z-50 flex flex-col items-center gap-2 md:right-4 md:bottom-4 md:left-auto md:items-end"
    >
      {toasts.map((toast) => (
        <Toast key={toast.id} toast={toast} />
      ))}
    </section>
  );
}

function Toast({ toast }: { toast: ToastEntry }) {
  useEffect(() => {
    const timer = setTimeout(() => dismissToast(toast.id), toast.durationMs);
    return () => clearTimeout(timer);
  }, [toast]);
  const bad = toast.kind === "error";
  const Icon = bad ? TriangleAlert : CircleCheck;
  return (
    <div
      role={bad ? "alert" : "status"}
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
          className="rounded px-2 py-0.5 font-medium text-accent hover:bg-hover"
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
