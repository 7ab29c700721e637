import { Button } from "../../components/ui/button.tsx";
import { Moment } from "../../components/ui/moment.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { Loading, Skeleton } from "../../components/ui/states.tsx";
import type { useConversations } from "./use-conversations.ts";

interface ConversationListProps {
  list: ReturnType<typeof useConversations>;
  current: string | null;
  onOpen: (conversationId: string) => void;
}

/** Earlier conversations, newest first: a column beside the chat, a line above it on small screens. */
export function ConversationList({ list, current, onOpen }: ConversationListProps) {
  const conversations = list.data;
  return (
    <Panel className="lg:flex lg:min-h-0 lg:flex-col">
      <h2 className="hidden border-line border-b px-3 py-2.5 font-medium lg:block">Conversations</h2>
      {list.error && !conversations ? (
        <div
          role="alert"
          className="flex min-h-11 flex-wrap items-center gap-2 px-3 py-1.5 text-xs lg:flex-col lg:py-6"
        >
          The conversations could not be loaded.
          <Button small onClick={() => void list.refetch()}>
            Try again
          </Button>
        </div>
      ) : !conversations ? (
        <Loading label="Loading conversations" className="p-1.5">
          <Skeleton className="h-8" />
        </Loading>
      ) : conversations.length === 0 ? (
        // As high as a line of conversations, so that the first one moves nothing.
        <p className="flex min-h-11 items-center px-3 text-faint text-xs pointer-coarse:min-h-13 lg:justify-center lg:py-6 lg:text-center">
          No conversation yet. Write a message to begin one.
        </p>
      ) : (
        <ul
          aria-label="Conversations"
          className="edge-fade no-scrollbar flex gap-1 overflow-x-auto p-1.5 lg:min-h-0 lg:flex-1 lg:flex-col lg:gap-px lg:overflow-y-auto"
        >
          {conversations.map((conversation) => (
            <li key={conversation.id} className="shrink-0">
              <button
                type="button"
                aria-current={conversation.id === current ? "true" : undefined}
                onClick={() => onOpen(conversation.id)}
                className={`flex h-8 w-44 pointer-coarse:h-10 items-center gap-2 rounded-md px-2 text-left -outline-offset-2 hover:bg-hover lg:w-full ${conversation.id === current ? "bg-hover font-medium" : "text-muted"}`}
              >
                <span className="min-w-0 flex-1 truncate">{conversation.title}</span>
                <Moment iso={conversation.createdAt} className="shrink-0 text-2xs text-faint" />
              </button>
            </li>
          ))}
          {list.hasNextPage && (
            <li className="shrink-0">
              <Button
                small
                look="ghost"
                className="h-8 lg:w-full"
                busy={list.isFetchingNextPage}
                onClick={() => void list.fetchNextPage()}
              >
                {list.isFetchNextPageError ? "Not loaded. Try again" : "Show older"}
              </Button>
            </li>
          )}
        </ul>
      )}
    </Panel>
  );
}
