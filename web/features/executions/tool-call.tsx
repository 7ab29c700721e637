"use client";
import { useQuery } from "@tanstack/react-query";
import { ChevronRight, Wrench } from "lucide-react";
import { useState } from "react";
import { Button } from "../../components/ui/button.tsx";
import { StatusIcon } from "../../components/ui/status.tsx";
import { messageOf } from "../../lib/api.ts";
import { queries } from "../../lib/queries.ts";
import type { LiveTool } from "./apply-events.ts";

const statuses = { started: "running", done: "completed", failed: "failed", unknown: "skipped" } as const;

/** A tool call, folded: its name and the beginning of its arguments; open, all of both and what came of it. */
export function ToolCall({ executionId, tool }: { executionId: string; tool: LiveTool }) {
  const [whole, setWhole] = useState(false);
  const { data, error, isFetching } = useQuery({ ...queries.toolCall(executionId, tool.id), enabled: whole });
  const cut = tool.state !== null && (tool.arguments.length >= cutFrom.arguments || isCut(tool.summary));
  const shown = data ? { arguments: data.toolCall.arguments, summary: data.toolCall.result } : tool;
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
        <Block title="Arguments" text={pretty(shown.arguments)} />
        {shown.summary !== null && (
          <Block title={tool.state === "unknown" ? "Outcome not known" : "Result"} text={shown.summary} />
        )}
        {cut && !data && (
          <div className="flex items-center gap-2">
            <Button small busy={isFetching} onClick={() => setWhole(true)}>
              Show all of it
            </Button>
            {error && (
              <span role="alert" className="text-bad">
                {messageOf(error)}
              </span>
            )}
          </div>
        )}
      </div>
    </details>
  );
}

/** Events carry the first 500 characters of a result, lists the first 2,000 of both. */
const cutFrom = { arguments: 2_000, results: [500, 2_000] };

function isCut(text: string | null): boolean {
  return text !== null && cutFrom.results.includes(text.length);
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
