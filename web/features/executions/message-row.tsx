"use client";
import clsx from "clsx";
import { Link2 } from "lucide-react";
import { memo } from "react";
import type { Execution } from "#contracts";
import { Markdown } from "../../components/markdown/markdown.tsx";
import { Avatar } from "../../components/ui/avatar.tsx";
import { IconButton } from "../../components/ui/button.tsx";
import { Moment } from "../../components/ui/moment.tsx";
import { Badge } from "../../components/ui/status.tsx";
import { copyText } from "../../lib/copy-text.ts";
import { formatCount } from "../../lib/format.ts";
import { toastDone } from "../../lib/toast.ts";
import type { LiveMessage } from "./apply-events.ts";
import { MessageTools } from "./message-tools.tsx";
import { readStructuredAnswer } from "./structured-answer.ts";
import { StructuredAnswer } from "./structured-answer-view.tsx";

interface MessageRowProps {
  message: LiveMessage;
  previous: LiveMessage | undefined;
  execution: Execution;
  search: string;
  highlighted: boolean;
}

/** One message: who, when, with which model, the text, and the tools it called. */
export const MessageRow = memo(
  function MessageRow({ message, previous, execution, search, highlighted }: MessageRowProps) {
    const member = execution.squad.members.find((one) => one.id === message.memberId);
    const step = execution.steps.find((one) => one.id === message.stepId);
    const newStep = message.stepId !== previous?.stepId;
    const streaming = message.status === "streaming";
    return (
      <article
        aria-label={`${member?.name ?? "Muster"}${step ? `, ${step.title}` : ""}`}
        aria-busy={streaming || undefined}
        className={clsx("group px-3 py-2.5 md:px-4", highlighted && "bg-accent-soft")}
      >
        <div className="flex gap-3">
          <Avatar
            name={member?.name ?? "Muster"}
            role={member?.role ?? null}
            picture={member?.avatarKey}
            size={24}
            className="mt-0.5"
          />
          <div className="min-w-0 flex-1">
            <header className="flex min-h-6 flex-wrap items-center gap-x-2">
              <span className="font-medium">{member?.name ?? "Muster"}</span>
              {newStep && step && <span className="min-w-0 truncate text-muted text-xs">{step.title}</span>}
              {message.status === "cancelled" && <Badge>Cut off</Badge>}
              {message.status === "reset" && <Badge tone="attention">Void</Badge>}
              <span className="ml-auto flex items-center gap-2 text-faint text-xs">
                <IconButton
                  label="Copy a link to this message"
                  className="size-6 opacity-0 focus-visible:opacity-100 group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100"
                  onClick={() => void copyLink(message.id)}
                >
                  <Link2 aria-hidden className="size-3.5" />
                </IconButton>
                {message.outputTokens !== null && (
                  <span className="tabular hidden sm:inline">{formatCount(message.outputTokens)} tokens</span>
                )}
                <Moment iso={message.createdAt} />
              </span>
            </header>
            {message.resetReason && <p className="mb-1 text-attention text-xs">Started again: {message.resetReason}</p>}
            {message.content ? (
              <MessageText message={message} search={search} />
            ) : (
              streaming && <p className="text-faint">Thinking</p>
            )}
            {streaming && (
              <span aria-hidden className="mt-1 inline-block h-3.5 w-1.5 animate-pulse rounded-[1px] bg-accent" />
            )}
            {message.tools.length > 0 && <MessageTools executionId={execution.id} message={message} />}
          </div>
        </div>
      </article>
    );
  },
  (before, after) =>
    before.message === after.message &&
    before.search === after.search &&
    before.highlighted === after.highlighted &&
    before.previous?.stepId === after.previous?.stepId &&
    before.execution.squad === after.execution.squad &&
    before.execution.steps.length === after.execution.steps.length,
);

function MessageText({ message, search }: { message: LiveMessage; search: string }) {
  const streaming = message.status === "streaming";
  const answer = search ? null : readStructuredAnswer(message.content, streaming);
  if (answer) return <StructuredAnswer answer={answer} />;
  return <Markdown text={message.content} streaming={streaming} search={search} />;
}

async function copyLink(messageId: string) {
  const link = new URL(window.location.href);
  link.hash = `message-${messageId}`;
  if (await copyText(link.href)) toastDone("Link copied");
}
