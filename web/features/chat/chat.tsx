"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { MessageSquarePlus } from "lucide-react";
import { useState } from "react";
import { Button } from "../../components/ui/button.tsx";
import { Select } from "../../components/ui/field.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { Failure } from "../../components/ui/states.tsx";
import { queries } from "../../lib/queries.ts";
import { useSearchState } from "../../lib/use-route.ts";
import { ModelOptions } from "../squads/model-options.tsx";
import { ChatThread } from "./chat-thread.tsx";
import { ConversationList } from "./conversation-list.tsx";
import { DeleteConversation } from "./delete-conversation.tsx";

/** Whom one talks with: `member:ID`, `model:ID`, or nobody chosen yet. */
export type Partner = string;

/** Conversations on the left, the one that is open on the right. */
export default function Chat() {
  const client = useQueryClient();
  const [parameters, setParameters] = useSearchState();
  const conversationId = parameters.get("conversation");
  const squadId = parameters.get("squad");
  const squads = useQuery(queries.squads({ page: 1, pageSize: 100, status: "active" }));
  const models = useQuery(queries.models());
  const conversations = useQuery({ ...queries.conversations(), staleTime: 5000 });
  const [chosen, setChosen] = useState<Partner | null>(null);
  const [fresh, setFresh] = useState(0);
  const conversation = conversations.data?.data.find((one) => one.id === conversationId);
  const lead = squads.data?.data.find((squad) => squad.id === squadId)?.members.find((member) => member.isLead);
  const fallback = models.data ? `model:${models.data.defaultModel}` : "";
  const partner = conversation
    ? conversation.squadMemberId
      ? `member:${conversation.squadMemberId}`
      : `model:${conversation.model}`
    : (chosen ?? (lead ? `member:${lead.id}` : fallback));
  const open = (id: string | null) => {
    setParameters({ conversation: id, squad: null });
    setFresh((count) => count + 1);
  };
  if (models.error) return <Failure error={models.error} retry={() => void models.refetch()} />;
  return (
    <div className="grid min-h-0 flex-1 grid-rows-[auto_minmax(0,1fr)] gap-3 lg:grid-cols-[15rem_minmax(0,1fr)] lg:grid-rows-[minmax(0,1fr)]">
      <ConversationList
        conversations={conversations.data?.data ?? (conversations.error ? [] : null)}
        current={conversationId}
        onOpen={open}
      />
      <Panel
        className="flex min-h-0 flex-col"
        title={
          <span className="flex items-center gap-2">
            <span className="shrink-0 text-faint text-xs">With</span>
            <Select
              aria-label="Whom to chat with"
              value={partner}
              disabled={conversationId !== null}
              onChange={(event) => setChosen(event.target.value)}
              // Of one width before and after its options are there, and with room for the buttons beside it on a phone.
              className="w-[calc(100vw-15rem)] sm:w-80"
            >
              {squads.data?.data.map((squad) => (
                <optgroup key={squad.id} label={squad.name}>
                  {squad.members.map((member) => (
                    <option key={member.id} value={`member:${member.id}`}>
                      {member.name}
                      {member.isLead ? " (lead)" : ""}
                    </option>
                  ))}
                </optgroup>
              ))}
              {models.data && (
                <ModelOptions models={models.data.data.map((model) => ({ ...model, id: `model:${model.id}` }))} />
              )}
            </Select>
          </span>
        }
        action={
          <span className="flex items-center gap-1">
            {conversation && <DeleteConversation conversation={conversation} onDeleted={() => open(null)} />}
            <Button
              small
              look="ghost"
              icon={<MessageSquarePlus aria-hidden className="size-3.5" />}
              onClick={() => open(null)}
            >
              New chat
            </Button>
          </span>
        }
      >
        <ChatThread
          key={fresh}
          conversationId={conversationId}
          partner={partner}
          onStarted={(id) => {
            setParameters({ conversation: id, squad: null });
            void client.invalidateQueries({ queryKey: queries.conversations().queryKey });
          }}
        />
      </Panel>
    </div>
  );
}
