"use client";
import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { copyText } from "../../lib/copy-text.ts";
import { Button, type ButtonLook } from "./button.tsx";

/** Copies a text and says so for a moment. */
export function CopyButton({ text, label = "Copy", look }: { text: string; label?: string; look?: ButtonLook }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    if (!(await copyText(text))) return;
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <Button
      small
      {...(look ? { look } : {})}
      icon={copied ? <Check aria-hidden className="size-3.5" /> : <Copy aria-hidden className="size-3.5" />}
      onClick={() => void copy()}
    >
      {copied ? "Copied" : label}
    </Button>
  );
}
