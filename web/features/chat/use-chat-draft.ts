"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { Me } from "#contracts";
import { keepDraft, readDraft } from "../../lib/drafts.ts";
import { queries } from "../../lib/queries.ts";

export const chatDraftName = (conversation: string) => `chat-${conversation}`;

/** What is typed and not sent yet. It survives a reload and a look at another conversation; a send or emptying ends it. */
export function useChatDraft(conversation: string) {
  const client = useQueryClient();
  const userId = () => client.getQueryData<Me>(queries.me().queryKey)?.user.id;
  const name = chatDraftName(conversation);
  const [text, setText] = useState(() => {
    const id = userId();
    return (id && readDraft<string>(id, name)?.form) || "";
  });
  const keptAs = useRef(name);
  const change = (typed: string) => {
    setText(typed);
    const id = userId();
    if (id) keepDraft(id, name, typed ? { form: typed, base: "" } : null);
  };
  useEffect(() => {
    const was = keptAs.current;
    keptAs.current = name;
    const id = client.getQueryData<Me>(queries.me().queryKey)?.user.id;
    if (was === name || !id) return;
    // A conversation that was begun here has got its id: what is being typed belongs to it from now on.
    keepDraft(id, name, readDraft(id, was));
    keepDraft(id, was, null);
  }, [name, client]);
  return [text, change] as const;
}
