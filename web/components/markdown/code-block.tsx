"use client";
import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { IconButton } from "../ui/button.tsx";

/** A block of code: coloured when its language is known and the colours have loaded, and ready to copy. */
export function CodeBlock({ code, language }: { code: string; language: string | null }) {
  const [html, setHtml] = useState<string | null>(null);
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!language || code.length > 60_000) return;
    let current = true;
    import("./highlight.ts")
      .then(({ highlight }) => current && setHtml(highlight(code, language)))
      // Without colours it is still code.
      .catch(() => undefined);
    return () => {
      current = false;
    };
  }, [code, language]);
  const copy = async () => {
    await navigator.clipboard.writeText(code);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div className="group/code relative">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keyboard */}
      <pre tabIndex={0}>
        {/* biome-ignore lint/security/noDangerouslySetInnerHtml: highlight.js escapes the code and adds spans only */}
        {html === null ? <code>{code}</code> : <code dangerouslySetInnerHTML={{ __html: html }} />}
      </pre>
      <IconButton
        label={copied ? "Copied" : "Copy the code"}
        className="absolute top-1.5 right-1.5 size-6 bg-surface opacity-0 focus-visible:opacity-100 group-hover/code:opacity-100"
        onClick={() => void copy()}
      >
        {copied ? <Check aria-hidden className="size-3.5 text-good" /> : <Copy aria-hidden className="size-3.5" />}
      </IconButton>
    </div>
  );
}
