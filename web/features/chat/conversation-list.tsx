import type { Conversation } from "#contracts";
import { Moment } from "../../components/ui/moment.tsx";
import { Panel } from "../../components/ui/panel.tsx";

interface ConversationListProps {
  conversations: Conversation[];
  current: string | null;
  onOpen: (conversationId: string) => void;
}

/** Earlier conversations, newest first: a column beside the chat, a line above it on small screens. */
export function ConversationList({ conversations, current, onOpen }: ConversationListProps) {
  return (
    <Panel className="lg:flex lg:min-h-0 lg:flex-col">
      <h2 className="hidden border-line border-b px-3 py-2.5 font-medium lg:block">Conversations</h2>
      {conversations.length === 0 ? (
        <p className="px-3 py-2 text-faint text-xs lg:py-6 lg:text-center">None yet. Write below to begin one.</p>
      ) : (
        <ul
          aria-label="Conversations"
          className="no-scrollbar flex gap-1 overflow-x-auto p-1.5 lg:min-h-0 lg:flex-1 lg:flex-col lg:gap-px lg:overflow-y-auto"
        >
          {conversations.map((conversation) => (
            <li key={conversation.id} className="shrink-0">
              <button
                type="button"
                aria-current={conversation.id === current ? "true" : undefined}
                onClick={() => onOpen(conversation.id)}
                className={`flex h-8 w-44 items-center gap-2 rounded-md px-2 text-left -outline-offset-2 hover:bg-hover lg:w-full ${conversation.id === current ? "bg-hover font-medium" : "text-muted"}`}
              >
                <span className="min-w-0 flex-1 truncate">{conversation.title}</span>
                <Moment iso={conversation.createdAt} className="shrink-0 text-2xs text-faint" />
              </button>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
