"use client";
import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { Button } from "../../components/ui/button.tsx";
import { Dialog, DialogActions, DialogBody } from "../../components/ui/dialog.tsx";
import { copyText } from "../../lib/copy-text.ts";

/** Something that is shown this once: copy it now. */
export function SecretOnce({
  title,
  secret,
  children,
  onClose,
}: {
  title: string;
  secret: string;
  children: React.ReactNode;
  onClose: () => void;
}) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    if (await copyText(secret)) setCopied(true);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <DialogBody>
        <p className="text-muted">{children}</p>
        <code className="mt-3 block select-all rounded-md border border-line bg-canvas p-3 font-mono text-xs [overflow-wrap:anywhere]">
          {secret}
        </code>
      </DialogBody>
      <DialogActions>
        <Button
          icon={copied ? <Check aria-hidden className="size-4" /> : <Copy aria-hidden className="size-4" />}
          onClick={() => void copy()}
        >
          {copied ? "Copied" : "Copy"}
        </Button>
        <Button look="primary" onClick={onClose}>
          Done
        </Button>
      </DialogActions>
    </Dialog>
  );
}
