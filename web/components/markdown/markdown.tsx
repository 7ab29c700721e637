"use client";
import { ExternalLink, ImageOff } from "lucide-react";
import { memo, type ReactNode } from "react";
import { splitBlocks } from "../../lib/markdown-blocks.ts";
import { linkTarget } from "../../lib/safe-link.ts";
import { ScrollRegion } from "../ui/scroll-region.tsx";
import { CodeBlock } from "./code-block.tsx";
import { type MarkdownParts, renderMarkdown } from "./render-markdown.ts";

interface MarkdownProps {
  text: string;
  /** While text grows only its last block is parsed again. */
  streaming?: boolean;
  search?: string;
}

/**
 * Text of agents, which is not to be trusted: Markdown without HTML, images as words (nothing is fetched), links that
 * show where they lead and pass on nothing.
 */
export const Markdown = memo(function Markdown({ text, streaming = false, search = "" }: MarkdownProps) {
  if (search) return <Marked text={text} search={search} />;
  const blocks = streaming ? splitBlocks(text) : [text];
  return (
    <div className="prose max-w-[46rem]">
      {blocks.map((block, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: blocks only ever grow at the end
        <Block key={index} text={block} />
      ))}
    </div>
  );
});

const Block = memo(function Block({ text }: { text: string }) {
  return renderMarkdown(text, parts);
});

const parts: MarkdownParts = {
  CodeBlock,
  Link: SafeLink,
  Image: ({ alt, src }) => (
    <span className="inline-flex items-center gap-1 rounded-sm bg-hover px-1.5 text-muted text-xs">
      <ImageOff aria-hidden className="size-3 shrink-0" />
      Image not loaded: {alt || src.slice(0, 120) || "no description"}
    </span>
  ),
  // A group, not a landmark: a text may have many.
  Table: ({ children }) => (
    <ScrollRegion role="group" label="Table">
      {children}
    </ScrollRegion>
  ),
};

function SafeLink({ href, children }: { href: string; children?: ReactNode }) {
  const target = linkTarget(href);
  if (target.kind === "none") return <>{children}</>;
  if (target.kind === "fragment") return <span>{children}</span>;
  return (
    <a href={target.href} target="_blank" rel="noopener noreferrer nofollow ugc" title={target.href}>
      {children}
      <ExternalLink aria-hidden className="ml-0.5 inline size-3 align-baseline opacity-70" />
      <span className="sr-only"> (leads to {target.host})</span>
    </a>
  );
}

/** The text as it is, with what was searched for marked. */
function Marked({ text, search }: { text: string; search: string }) {
  const parts = text.split(new RegExp(`(${search.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")})`, "gi"));
  return (
    <p className="max-w-[46rem] whitespace-pre-wrap [overflow-wrap:anywhere]">
      {parts.map((part, index) =>
        index % 2 === 1 ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one fixed text
          <mark key={index} className="rounded-xs bg-attention-soft font-medium text-attention">
            {part}
          </mark>
        ) : (
          part
        ),
      )}
    </p>
  );
}
