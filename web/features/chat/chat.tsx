"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { MessageSquarePlus } from "lucide-react";
import { useState } from "react";
import { Button } from "../../components/ui/button.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { Failure } from "../../components/ui/states.tsx";
import { queries } from "../../lib/queries.ts";
import { useSearchState } from "../../lib/use-route.ts";
import { ChatThread, composerId } from "./chat-thread.tsx";
import { ConversationList } from "./conversation-list.tsx";
import { DeleteConversation } from "./delete-conversation.tsx";
import { isSquad, type Partner, partnerOf } from "./partner.ts";
import { PartnerSelect } from "./partner-select.tsx";
import { conversationsKey, useConversation, useConversations } from "./use-conversations.ts";

/** Conversations on the left, the one that is open on the right. */
export default function Chat() {
  const client = useQueryClient();
  const [parameters, setParameters] = useSearchState();
  const conversationId = parameters.get("conversation");
  const squadId = parameters.get("squad");
  const squads = useQuery(queries.activeSquads());
  const models = useQuery(queries.models());
  const conversations = useConversations();
  const conversation = useConversation(conversationId, conversations);
  const [chosen, setChosen] = useState<Partner | null>(null);
  const thread = useThreadKey(conversationId);
  const lead = squads.data?.find((squad) => squad.id === squadId)?.members.find((member) => member.isLead);
  const fallback = models.data ? `model:${models.data.defaultModel}` : "";
  const wanted = chosen ?? (lead ? `member:${lead.id}` : fallback);
  // Of one that is opened by a link it is not known yet; one that was begun here is with whom it began.
  const unread = conversationId === null || thread.begunHere ? wanted : "";
  const partner = conversation ? partnerOf(conversation) : unread;
  const open = (id: string | null, step: "push" | "replace" = "push") => {
    setParameters({ conversation: id, squad: null }, step);
    thread.renew();
  };
  if (models.error && !models.data) return <Failure error={models.error} retry={() => void models.refetch()} />;
  return (
    <div className="grid min-h-0 flex-1 grid-rows-[auto_minmax(0,1fr)] gap-3 lg:grid-cols-[15rem_minmax(0,1fr)] lg:grid-rows-[minmax(0,1fr)]">
      <ConversationList list={conversations} current={conversationId} onOpen={(id) => open(id)} />
      <Panel
        className="flex min-h-0 flex-col"
        title={
          <span className="flex items-center gap-2">
            <span className="hidden shrink-0 text-faint text-xs sm:inline">With</span>
            <PartnerSelect
              squads={squads.data ?? []}
              models={models.data}
              partner={partner}
              fixed={conversationId !== null}
              onChoose={setChosen}
            />
          </span>
        }
        action={
          <span className="flex items-center gap-1">
            {conversation && <DeleteConversation conversation={conversation} onDeleted={() => open(null, "replace")} />}
            <Button
              small
              look="ghost"
              icon={<MessageSquarePlus aria-hidden className="size-3.5" />}
              onClick={() => {
                open(null);
                // What one wants next is to write; the field of the new thread is there with the next frame.
                requestAnimationFrame(() => document.getElementById(composerId)?.focus());
              }}
            >
              New chat
            </Button>
          </span>
        }
      >
        {squads.error && !squads.data && (
          <div
            role="alert"
            className="flex shrink-0 flex-wrap items-center gap-2 border-line border-b px-3 py-1.5 text-xs"
          >
            The squads could not be loaded: only models can be chosen.
            <Button small onClick={() => void squads.refetch()}>
              Try again
            </Button>
          </div>
        )}
        {isSquad(partner) && (
          <p className="shrink-0 border-line border-b px-3 py-1.5 text-muted text-xs">
            The squad works on each message as on a task, with what was said before, and its lead answers when it is
            done. Each time is an execution with its own plan and bill.
          </p>
        )}
        <ChatThread
          key={thread.key}
          conversationId={conversationId}
          partner={partner}
          onStarted={(id) => {
            thread.keepFor(id);
            setParameters({ conversation: id, squad: null });
            void client.invalidateQueries({ queryKey: conversationsKey });
          }}
        />
      </Panel>
    </div>
  );
}

/**
 * What tells one thread on the screen from another: the conversation's id, or a number where it has none yet. One that was
 * begun here keeps its number when it gets its id: what is being said in it stays on the screen.
 */
function useThreadKey(conversationId: string | null) {
  const [fresh, setFresh] = useState(0);
  const [begun, setBegun] = useState<{ id: string; key: string } | null>(null);
  const unnamed = `new ${fresh}`;
  const begunHere = conversationId !== null && begun?.id === conversationId;
  return {
    begunHere,
    key: begunHere ? begun.key : (conversationId ?? unnamed),
    renew: () => setFresh((count) => count + 1),
    keepFor: (id: string) => {
      setBegun({ id, key: unnamed });
      setFresh((count) => count + 1);
    },
  };
}
