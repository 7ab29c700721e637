"use client";
import { type ReactNode, useState } from "react";
import { messageOf } from "../../lib/api.ts";
import { Button } from "./button.tsx";
import { Dialog, DialogActions, DialogBody } from "./dialog.tsx";

interface ConfirmProps {
  title: string;
  children: ReactNode;
  action: string;
  /** The way back. */
  keep?: string;
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
}

/** Asks before something that cannot be undone; stays open and says why when it fails. */
export default function Confirm({ title, children, action, keep = "Keep", onConfirm, onClose }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const confirm = async () => {
    setBusy(true);
    setFailure(null);
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      setFailure(messageOf(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose} className="max-w-md">
      <DialogBody className="text-muted">
        {children}
        {failure && (
          <p role="alert" className="mt-3 text-bad">
            {failure}
          </p>
        )}
      </DialogBody>
      <DialogActions>
        <Button onClick={onClose}>{keep}</Button>
        <Button look="danger" busy={busy} onClick={confirm}>
          {action}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
