"use client";
import { type ComponentProps, useState } from "react";
import Confirm from "./confirm.tsx";
import { Dialog } from "./dialog.tsx";

/** A dialog with a form in it: Escape, its cross and a press outside ask before they throw away what is typed. */
export function FormDialog({
  dirty,
  onClose,
  children,
  ...rest
}: ComponentProps<typeof Dialog> & {
  /** Something is typed that is not saved. */
  dirty: boolean;
}) {
  const [asking, setAsking] = useState(false);
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
