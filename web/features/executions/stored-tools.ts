import type { ToolCallListItem } from "#contracts";
import type { LiveMessage, LiveTool } from "./apply-events.ts";

/**
 * A message's tool calls with what is stored of them: their place in the message tells them apart. Those that were never made
 * (not allowed, too many at once) stay as the message names them; what events told of the end of a call stays too.
 */
export function withStoredTools(message: LiveMessage, stored: readonly ToolCallListItem[]): LiveTool[] {
  const own = stored.filter((call) => call.messageId === message.id);
  return message.tools.map((tool, index) => {
    const call = own.find((one) => one.id === tool.id || one.ordinal === index + 1);
    if (!call || (tool.state !== null && tool.state !== "started")) return tool;
    return {
      id: call.id,
      name: call.tool,
      arguments: call.arguments || tool.arguments,
      state: call.state,
      summary: call.result,
    };
  });
}
