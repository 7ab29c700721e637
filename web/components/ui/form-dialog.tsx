"use client";
import { type ComponentProps, useEffect, useState } from "react";
import Confirm from "./confirm.tsx";
import { Dialog } from "./dialog.tsx";

/** A dialog with a form in it: Escape, its cross, a press outside and Back ask before they throw away what is typed. */
export function FormDialog({
  dirty,
  kept = false,
  onClose,
  children,
  ...rest
}: ComponentProps<typeof Dialog> & {
  /** Something is typed that is not saved. */
  dirty: boolean;
  /** It is kept on the device: a reload loses nothing. */
  kept?: boolean;
}) {
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    // Where the browser does not let Back be held, it leaves as it does a page.
    if (!dirty || !("navigation" in window)) return;
    const hold = (event: NavigateEvent) => {
      if (event.navigationType !== "traverse" || !event.userInitiated || !event.cancelable) return;
      event.preventDefault();
      setAsking(true);
    };
    window.navigation.addEventListener("navigate", hold);
    return () => window.navigation.removeEventListener("navigate", hold);
  }, [dirty]);
  useEffect(() => {
    if (!dirty || kept) return;
    // A reload or a closed tab: the browser asks in its own words.
    const ask = (event: Event) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [dirty, kept]);
  return (
    <Dialog {...rest} onClose={() => (dirty ? setAsking(true) : onClose())}>
      {children}
      {asking && (
        <Confirm
          title="Throw away what you typed?"
          action="Throw away"
          keep="Keep editing"
          onClose={() => setAsking(false)}
          onConfirm={async () => onClose()}
        >
          <p>It is not saved.</p>
        </Confirm>
      )}
    </Dialog>
  );
}
