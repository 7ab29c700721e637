"use client";
import { useQuery } from "@tanstack/react-query";
import { queries } from "../../lib/queries.ts";
import { useAfterPaint } from "../../lib/use-after-paint.ts";
import type { LiveMessage } from "./apply-events.ts";
import { withStoredTools } from "./stored-tools.ts";
import { ToolCall } from "./tool-call.tsx";

/**
 * The tool calls of a message, folded. What came of those that were made before the page was opened is asked for once per
 * step, when a message of it is drawn.
 */
export function MessageTools({ executionId, message }: { executionId: string; message: LiveMessage }) {
  const { stepId, tools } = message;
  const unknown = stepId !== null && tools.some((tool) => tool.state === null || tool.state === "started");
  const painted = useAfterPaint();
  const { data } = useQuery({
    ...queries.toolCalls(executionId, stepId ?? ""),
    enabled: unknown && painted,
    staleTime: 10_000,
  });
  const shown = unknown && data ? withStoredTools(message, data.data) : tools;
  return shown.map((tool) => <ToolCall key={tool.id} executionId={executionId} tool={tool} />);
}
