"use client";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "../../components/ui/button.tsx";
import { StatusIcon } from "../../components/ui/status.tsx";
import { prettyJson, ToolFold, ToolText } from "../../components/ui/tool-fold.tsx";
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
    <ToolFold
      name={tool.name}
      beginning={tool.arguments}
      mark={tool.state && <StatusIcon status={statuses[tool.state]} className="size-3.5" />}
    >
      <ToolText title="Arguments" text={prettyJson(shown.arguments)} />
      {shown.summary !== null && (
        <ToolText title={tool.state === "unknown" ? "Outcome not known" : "Result"} text={shown.summary} />
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
    </ToolFold>
  );
}

/** Events carry the first 500 characters of a result, lists the first 2,000 of both. */
const cutFrom = { arguments: 2_000, results: [500, 2_000] };

function isCut(text: string | null): boolean {
  return text !== null && cutFrom.results.includes(text.length);
}
