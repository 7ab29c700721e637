"use client";
import dynamic from "next/dynamic";
import { Page } from "../../components/shell/page.tsx";
import { Loading, Skeleton } from "../../components/ui/states.tsx";
import { earlyPart } from "../../lib/page-parts.ts";

const Chat = earlyPart(
  () => import("./chat.tsx"),
  dynamic(() => import("./chat.tsx"), { ssr: false, loading: ChatSkeleton }),
);

/** `/chat`: one member of a squad, or one model, streaming. */
export function ChatPage() {
  return (
    <Page title="Chat" fill className="flex flex-col">
      <Chat />
    </Page>
  );
}

function ChatSkeleton() {
  return (
    <Loading label="Loading the chat" className="grid min-h-0 flex-1 gap-3 lg:grid-cols-[15rem_minmax(0,1fr)]">
      <Skeleton className="hidden rounded-lg lg:block" />
      <Skeleton className="rounded-lg" />
    </Loading>
  );
}
