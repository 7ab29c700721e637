"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import type { Conversation, Me } from "#contracts";
import { IconButton } from "../../components/ui/button.tsx";
import Confirm from "../../components/ui/confirm.tsx";
import { apiSend } from "../../lib/api.ts";
import { keepDraft } from "../../lib/drafts.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone } from "../../lib/toast.ts";
import { chatDraftName } from "./use-chat-draft.ts";
import { conversationsKey, messagesKey } from "./use-conversations.ts";

/** Deletes the open conversation; asks before. */
export function DeleteConversation({ conversation, onDeleted }: { conversation: Conversation; onDeleted: () => void }) {
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  return (
    <>
      <IconButton label="Delete this conversation" onClick={() => setAsking(true)}>
        <Trash2 aria-hidden className="size-4" />
      </IconButton>
      {asking && (
        <Confirm
          title={`Delete “${conversation.title}”?`}
          action="Delete the conversation"
          onClose={() => setAsking(false)}
          onConfirm={async () => {
            await apiSend("DELETE", `/api/v1/conversations/${conversation.id}`);
            onDeleted();
            const userId = client.getQueryData<Me>(queries.me().queryKey)?.user.id;
            if (userId) keepDraft(userId, chatDraftName(conversation.id), null);
            client.removeQueries({ queryKey: messagesKey(conversation.id) });
            client.removeQueries({ queryKey: queries.conversation(conversation.id).queryKey });
            await client.invalidateQueries({ queryKey: conversationsKey });
            toastDone("Conversation deleted");
          }}
        >
          <p>All that was said in it goes. This cannot be undone. What it cost stays in the usage.</p>
        </Confirm>
      )}
    </>
  );
}
