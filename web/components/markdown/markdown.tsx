"use client";
import { ExternalLink, ImageOff } from "lucide-react";
import { memo, type ReactNode } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { splitBlocks } from "../../lib/markdown-blocks.ts";
import { linkTarget } from "../../lib/safe-link.ts";
import { ScrollRegion } from "../ui/scroll-region.tsx";
import { CodeBlock } from "./code-block.tsx";

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
  return (
    <ReactMarkdown skipHtml={false} remarkPlugins={plugins} components={components} urlTransform={(url) => url}>
      {text}
    </ReactMarkdown>
  );
});

const plugins = [remarkGfm];

const components: Components = {
  // The page has its own headings above: those of a text come below them.
  h1: ({ children }) => <h2>{children}</h2>,
  h2: ({ children }) => <h3>{children}</h3>,
  h3: ({ children }) => <h4>{children}</h4>,
  h4: ({ children }) => <h5>{children}</h5>,
  h5: ({ children }) => <h6>{children}</h6>,
  a: ({ href, children }) => <SafeLink href={href ?? ""}>{children}</SafeLink>,
  img: ({ alt, src }) => (
    <span className="inline-flex items-center gap-1 rounded-sm bg-hover px-1.5 text-muted text-xs">
      <ImageOff aria-hidden className="size-3 shrink-0" />
      Image not loaded: {alt || (typeof src === "string" ? src.slice(0, 120) : "no description")}
    </span>
  ),
  // A group, not a landmark: a text may have many.
  table: ({ children }) => (
    <ScrollRegion role="group" label="Table">
      <table>{children}</table>
    </ScrollRegion>
  ),
  pre: ({ children }) => <>{children}</>,
  code: ({ className, children }) => {
    const language = /language-([\w+#-]+)/.exec(className ?? "")?.[1];
    const code = typeof children === "string" ? children : String(children ?? "");
    const block = language !== undefined || code.includes("\n");
    return block ? <CodeBlock code={code.replace(/\n$/, "")} language={language ?? null} /> : <code>{children}</code>;
  },
  input: ({ checked }) => (
    <input type="checkbox" checked={checked ?? false} readOnly disabled aria-label={checked ? "Done" : "Open"} />
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
