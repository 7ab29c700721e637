"use client";
import { ArrowUp, MessageSquare, Square } from "lucide-react";
import { type FormEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { ChatBill } from "#contracts";
import { Markdown } from "../../components/markdown/markdown.tsx";
import { Button } from "../../components/ui/button.tsx";
import { CopyButton } from "../../components/ui/copy-button.tsx";
import { inputClass } from "../../components/ui/field.tsx";
import { Empty, Failure, Skeleton } from "../../components/ui/states.tsx";
import { ApiError, messageOf } from "../../lib/api.ts";
import { formatCount, formatMoney } from "../../lib/format.ts";
import { addressOf, isSquad, type Partner } from "./partner.ts";
import { streamChat } from "./stream-chat.ts";
import { useChatDraft } from "./use-chat-draft.ts";
import { useConversationMessages } from "./use-conversations.ts";
import { useStickToEnd } from "./use-stick-to-end.ts";

/** Of the field one writes in. */
export const composerId = "chat-message";

interface Turn {
  id: string;
  role: "user" | "assistant";
  content: string;
  /** Of an answer that is complete. */
  bill?: ChatBill | null;
  failure?: string;
}

interface ChatThreadProps {
  conversationId: string | null;
  partner: Partner;
  onStarted: (conversationId: string) => void;
}

/** One conversation: what was said, what is being said, and the field to say more. */
export function ChatThread({ conversationId, partner, onStarted }: ChatThreadProps) {
  // A conversation begun here is shown from memory; one that was opened is read.
  const [opened] = useState(conversationId);
  const history = useConversationMessages(opened);
  const [turns, setTurns] = useState<Turn[]>([]);
  // What is said here is shown from memory. The history may be read anew meanwhile: of it counts what was there before.
  const [readUntil, setReadUntil] = useState<string | null>(null);
  const [streaming, setStreaming] = useState(false);
  const [waitUntilMs, setWaitUntilMs] = useState<number | null>(null);
  const stop = useRef<AbortController | null>(null);
  const { log, content, onScroll, onScrollEnd, stick, grewAbove } = useStickToEnd();
  const shown: Turn[] = [...history.data.filter(({ id }) => readUntil === null || id <= readUntil), ...turns];
  const oldest = history.data[0]?.id;
  const wasOldest = useRef(oldest);
  useLayoutEffect(() => {
    if (wasOldest.current && oldest !== wasOldest.current) grewAbove();
    wasOldest.current = oldest;
  }, [oldest, grewAbove]);

  useEffect(() => () => stop.current?.abort(), []);

  const changeLast = (change: (turn: Turn) => Turn) =>
    setTurns((all) => all.map((turn, index) => (index === all.length - 1 ? change(turn) : turn)));
  const send = async (message: string) => {
    const abort = new AbortController();
    stop.current = abort;
    setStreaming(true);
    setReadUntil((known) => known ?? history.data.at(-1)?.id ?? "");
    stick();
    setTurns((all) => [
      ...all,
      { id: crypto.randomUUID(), role: "user", content: message },
      { id: crypto.randomUUID(), role: "assistant", content: "" },
    ]);
    const who = conversationId ? { conversationId } : addressOf(partner);
    try {
      const done = await streamChat(
        { message, ...who },
        {
          onChunk: (text) => {
            setWaitUntilMs(null);
            changeLast((turn) => ({ ...turn, content: turn.content + text }));
          },
          onReset: () => changeLast((turn) => ({ ...turn, content: "" })),
          onWait: setWaitUntilMs,
        },
        abort.signal,
      );
      changeLast((turn) => ({ ...turn, bill: done }));
      if (!conversationId) onStarted(done.conversationId);
      return true;
    } catch (error) {
      changeLast((turn) => ({ ...turn, failure: abort.signal.aborted ? "Stopped" : messageOf(error) }));
      return abort.signal.aborted || !(error instanceof ApiError && error.code === "network");
    } finally {
      setWaitUntilMs(null);
      setStreaming(false);
    }
  };

  return (
    <>
      <div
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls what has the focus
        tabIndex={0}
        ref={log}
        onScroll={onScroll}
        onScrollEnd={onScrollEnd}
        role="log"
        aria-label="Conversation"
        className="min-h-0 flex-1 overflow-y-auto -outline-offset-2"
      >
        {history.error && history.data.length === 0 && (
          <Failure error={history.error} retry={() => void history.refetch()} />
        )}
        {opened && history.isPending && <Skeleton className="m-4 h-24" />}
        {!opened && shown.length === 0 && (
          <Empty icon={MessageSquare} title="Ask something" className="h-full">
            A member answers with its own role, model and instructions; a model answers as it is; a squad works on each
            message as on a task and answers with the result. Each answer shows its tokens and price.
          </Empty>
        )}
        <div ref={content} className="mx-auto flex max-w-3xl flex-col gap-4 px-4 py-4">
          {history.hasNextPage && (
            <Button
              small
              className="self-center"
              busy={history.isFetchingNextPage}
              onClick={() => void history.fetchNextPage()}
            >
              {history.isFetchNextPageError ? "Older messages could not be loaded. Try again" : "Show older messages"}
            </Button>
          )}
          {shown.map((turn, index) => (
            <ChatTurn
              key={turn.id}
              turn={turn}
              live={streaming && index === shown.length - 1}
              squad={isSquad(partner)}
            />
          ))}
          {waitUntilMs !== null && (
            <p className="text-attention text-xs">
              Waits for the provider's rate limit until {new Date(waitUntilMs).toLocaleTimeString()}.
            </p>
          )}
        </div>
      </div>
      <Composer
        name={conversationId ?? "new"}
        streaming={streaming}
        ready={opened ? !history.isPending && !history.isLoadingError : conversationId !== null || partner !== ""}
        onSend={send}
        onStop={() => stop.current?.abort()}
      />
    </>
  );
}

function ChatTurn({ turn, live, squad }: { turn: Turn; live: boolean; squad: boolean }) {
  if (turn.role === "user") {
    return (
      <div className="ml-auto max-w-[85%] whitespace-pre-wrap rounded-lg bg-hover px-3 py-2 [overflow-wrap:anywhere]">
        <span className="sr-only">You: </span>
        {turn.content}
      </div>
    );
  }
  return (
    <div aria-busy={live || undefined}>
      {turn.content ? (
        <Markdown text={turn.content} streaming={live} />
      ) : (
        live && (
          <p className="text-faint">
            {squad ? (
              // In another tab: who leaves this page stops waiting for the answer.
              <>
                The squad is at work;{" "}
                <a href="/executions" target="_blank" rel="noreferrer" className="text-accent underline">
                  watch it in another tab
                </a>
                .
              </>
            ) : (
              "Thinking"
            )}
          </p>
        )
      )}
      {live && <span aria-hidden className="mt-1 inline-block h-3.5 w-1.5 animate-pulse rounded-[1px] bg-accent" />}
      {turn.failure && (
        <p role="alert" className="mt-1 text-bad">
          {turn.failure}
        </p>
      )}
      {turn.content && !live && (
        <div className="mt-1 -ml-2 flex flex-wrap items-center gap-x-2">
          <CopyButton look="ghost" text={turn.content} />
          {turn.bill && (
            <p className="tabular text-faint text-xs">
              {turn.bill.model} · {formatCount(turn.bill.usage.inputTokens)} in,{" "}
              {formatCount(turn.bill.usage.outputTokens)} out · {formatMoney(turn.bill.costNanoUsd)}
              {turn.bill.cacheResult === "hit" && " · from the cache"}
            </p>
          )}
        </div>
      )}
    </div>
  );
}

interface ComposerProps {
  /** Of the conversation, for the draft. */
  name: string;
  streaming: boolean;
  /** There is somebody to send it to, and what was said before is on the screen. */
  ready: boolean;
  /** False when the line broke: what was written is worth sending again. */
  onSend: (message: string) => Promise<boolean>;
  onStop: () => void;
}

function Composer({ name, streaming, ready, onSend, onStop }: ComposerProps) {
  const [text, setText] = useChatDraft(name);
  const field = useRef<HTMLTextAreaElement>(null);
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    const message = text.trim();
    if (!message || streaming || !ready) return;
    setText("");
    void onSend(message).then((said) => {
      if (!said && field.current?.value === "") setText(message);
    });
  };
  return (
    <form onSubmit={submit} className="shrink-0 border-line border-t p-3">
      <div className="mx-auto flex max-w-3xl items-end gap-2">
        <textarea
          ref={field}
          id={composerId}
          aria-label="Message"
          rows={1}
          placeholder="Write a message"
          value={text}
          maxLength={200_000}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            submit();
          }}
          className={`${inputClass} field-sizing-content w-full max-h-48 min-h-9 resize-none py-[0.4375rem] pointer-coarse:min-h-10`}
        />
        {streaming ? (
          <Button
            className="h-9 pointer-coarse:h-10"
            icon={<Square aria-hidden className="size-3.5" />}
            onClick={(event) => {
              onStop();
              // In its place comes Send, which cannot be pressed yet: who came by keyboard goes on writing.
              if (event.detail === 0) field.current?.focus();
            }}
          >
            Stop
          </Button>
        ) : (
          <Button
            type="submit"
            look="primary"
            className="h-9 pointer-coarse:h-10"
            disabled={!text.trim() || !ready}
            icon={<ArrowUp aria-hidden className="size-4" />}
          >
            Send
          </Button>
        )}
      </div>
    </form>
  );
}
