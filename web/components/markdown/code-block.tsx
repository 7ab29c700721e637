"use client";
import { Check, Copy } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { copyText } from "../../lib/copy-text.ts";
import { IconButton } from "../ui/button.tsx";

type Highlighter = typeof import("./highlight.ts");

const longestColoured = 60_000;
/** Once it has come it is there at once: a block is then drawn with its colours, and not a second time for them. */
let loaded: Highlighter | null = null;

function useHighlighter(wanted: boolean): Highlighter | null {
  const [highlighter, setHighlighter] = useState(loaded);
  useEffect(() => {
    if (!wanted || highlighter) return;
    let current = true;
    import("./highlight.ts")
      .then((module) => {
        loaded = module;
        if (current) setHighlighter(module);
      })
      // Without colours it is still code.
      .catch(() => undefined);
    return () => {
      current = false;
    };
  }, [wanted, highlighter]);
  return highlighter;
}

/** A block of code: coloured when its language is known and the colours have loaded, and ready to copy. */
export function CodeBlock({ code, language }: { code: string; language: string | null }) {
  const coloured = language !== null && code.length <= longestColoured;
  const highlighter = useHighlighter(coloured);
  const html = useMemo(
    () => (coloured && highlighter ? highlighter.highlight(code, language) : null),
    [highlighter, coloured, code, language],
  );
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    if (!(await copyText(code))) return;
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
        className="absolute top-1.5 right-1.5 size-6 bg-surface opacity-0 focus-visible:opacity-100 group-hover/code:opacity-100 pointer-coarse:opacity-100"
        onClick={() => void copy()}
      >
        {copied ? <Check aria-hidden className="size-3.5 text-good" /> : <Copy aria-hidden className="size-3.5" />}
      </IconButton>
    </div>
  );
}
