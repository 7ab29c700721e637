"use client";
import { ChevronRight, Wrench } from "lucide-react";
import { StatusIcon } from "../../components/ui/status.tsx";
import type { LiveTool } from "./apply-events.ts";

const statuses = { started: "running", done: "completed", failed: "failed", unknown: "skipped" } as const;

/** A tool call, folded: its name and the beginning of its arguments; open, all of both and what came of it. */
export function ToolCall({ tool }: { tool: LiveTool }) {
  return (
    <details className="group/tool mt-2 overflow-hidden rounded-md border border-line bg-canvas text-xs">
      <summary className="flex h-7.5 list-none items-center gap-2 px-2 -outline-offset-2 hover:bg-hover [&::-webkit-details-marker]:hidden">
        <ChevronRight
          aria-hidden
          className="size-3.5 shrink-0 text-faint transition-transform group-open/tool:rotate-90"
        />
        <Wrench aria-hidden className="size-3.5 shrink-0 text-faint" />
        <span className="shrink-0 font-medium">{tool.name}</span>
        <code className="min-w-0 flex-1 truncate font-mono text-faint">{tool.arguments}</code>
        {tool.state && <StatusIcon status={statuses[tool.state]} className="size-3.5" />}
      </summary>
      <div className="flex flex-col gap-2 border-line border-t p-2.5">
        <Block title="Arguments" text={pretty(tool.arguments)} />
        {tool.summary !== null && (
          <Block title={tool.state === "unknown" ? "Outcome not known" : "Result"} text={tool.summary} />
        )}
      </div>
    </details>
  );
}

function Block({ title, text }: { title: string; text: string }) {
  return (
    <div>
      <p className="mb-0.5 text-faint">{title}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keyboard */}
      <pre tabIndex={0} className="max-h-72 overflow-auto whitespace-pre-wrap font-mono [overflow-wrap:anywhere]">
        {text || "(nothing)"}
      </pre>
    </div>
  );
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    // As the model wrote it, then.
    return json;
  }
}
