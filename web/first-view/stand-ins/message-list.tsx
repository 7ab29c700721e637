import type { Execution } from "#contracts";
import type { LiveMessage } from "../../features/executions/apply-events.ts";
import { MessageRow } from "../../features/executions/message-row.tsx";

/** More rows than a window is high. */
const shownMessages = 12;

/** Stands in for the virtual list while the server draws, which cannot measure: the newest messages, from the bottom up. */
export function MessageList({ messages, execution }: { messages: LiveMessage[]; execution: Execution }) {
  const newest = messages.slice(-shownMessages);
  return (
    <div className="relative min-h-0 flex-1">
      <div className="absolute inset-0 flex flex-col-reverse overflow-hidden [contain:strict]">
        <div className="mb-auto w-full min-w-0 pt-2 pb-6">
          {newest.map((message, index) => (
            <MessageRow
              key={message.id}
              message={message}
              previous={newest[index - 1] ?? messages[messages.length - newest.length - 1]}
              execution={execution}
              search=""
              highlighted={false}
            />
          ))}
        </div>
      </div>
    </div>
  );
}
