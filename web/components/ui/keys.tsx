"use client";
import type { ReactNode } from "react";
import { useHydrated } from "../../lib/use-hydrated.ts";

/** A key on the keyboard. */
export function Kbd({ children }: { children: ReactNode }) {
  return (
    <kbd className="inline-flex h-4.5 min-w-4.5 items-center justify-center gap-1 rounded-sm border border-line bg-canvas px-1 font-medium font-sans text-2xs text-muted">
      {children}
    </kbd>
  );
}

/** The key that makes a letter a command: ⌘ on Apple's machines, else Ctrl. */
export function CommandKey() {
  // Known only in the browser; the static document says Ctrl.
  const apple = useHydrated() && /Mac|iPhone|iPad/.test(navigator.platform);
  return apple ? (
    <abbr title="Command" className="no-underline">
      ⌘
    </abbr>
  ) : (
    "Ctrl"
  );
}
