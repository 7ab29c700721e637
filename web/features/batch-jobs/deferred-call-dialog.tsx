"use client";
import { useQuery } from "@tanstack/react-query";
import { CircleAlert } from "lucide-react";
import dynamic from "next/dynamic";
import type { DeferredCall, DeferredCallAnswer, DeferredCompletion } from "#contracts";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Button } from "../../components/ui/button.tsx";
import { CopyButton } from "../../components/ui/copy-button.tsx";
import { Dialog, DialogActions, DialogBody } from "../../components/ui/dialog.tsx";
import { Moment } from "../../components/ui/moment.tsx";
import { Figure } from "../../components/ui/panel.tsx";
import { Failure, Loading, Skeleton } from "../../components/ui/states.tsx";
import { prettyJson, ToolFold, ToolText } from "../../components/ui/tool-fold.tsx";
import { formatCount, formatDuration, formatMoney } from "../../lib/format.ts";
import { modelName } from "../../lib/model-name.ts";
import { apiQuery } from "../../lib/queries.ts";
import { Deadline } from "./deadline.tsx";
import { adviceFor, isOpen, stateLabels } from "./deferred-call-states.ts";

const Markdown = dynamic(() => import("../../components/markdown/markdown.tsx").then((module) => module.Markdown), {
  ssr: false,
  loading: () => <Skeleton className="h-16" />,
});

interface DeferredCallDialogProps {
  id: string;
  /** What the list knows of it, until it is read. */
  listed: DeferredCall | null;
  onClose: () => void;
  onCancel: (call: DeferredCall) => void;
}

/** A deferred call: its answer, or why there is none and what to do. */
export function DeferredCallDialog({ id, listed, onClose, onCancel }: DeferredCallDialogProps) {
  const { data, error, refetch } = useQuery({
    ...apiQuery<DeferredCallAnswer>(`/api/v1/deferred-calls/${id}`),
    staleTime: 0,
    refetchInterval: ({ state }) => (state.data && isOpen(state.data.deferredCall.state) ? 5_000 : false),
  });
  const call = data?.deferredCall ?? listed;
  return (
    <Dialog
      title={call ? modelName(call.model) : "Deferred call"}
      description={
        call && (
          <>
            {stateLabels[call.state]} · asked <Moment iso={call.createdAt} />
          </>
        )
      }
      onClose={onClose}
      className="max-w-2xl"
    >
      <DialogBody>
        {error && !data ? (
          <Failure error={error} retry={() => void refetch()} className="py-6" />
        ) : data ? (
          <Content call={data.deferredCall} completion={data.completion} />
        ) : (
          <Loading label="Loading the call">
            <Skeleton className="h-36" />
          </Loading>
        )}
        {data && (
          <p className="mt-4 flex flex-wrap items-baseline gap-x-2 text-faint text-xs">
            Id for the API:
            <code className="select-all font-mono text-muted [overflow-wrap:anywhere]">{id}</code>
          </p>
        )}
      </DialogBody>
      <DialogActions>
        {call && isOpen(call.state) && (
          <Button look="danger" onClick={() => onCancel(call)}>
            Cancel the call
          </Button>
        )}
        <Button onClick={onClose}>Close</Button>
      </DialogActions>
    </Dialog>
  );
}

function Content({ call, completion }: { call: DeferredCall; completion: DeferredCompletion | null }) {
  if (completion) return <Answer call={call} completion={completion} />;
  if (call.state === "failed") return <Failed call={call} />;
  if (call.state === "cancelled") {
    return (
      <p className="text-muted">
        It was cancelled before it had an answer. What its batch had done of it by then is billed, and stands in the
        usage.
      </p>
    );
  }
  return (
    <p className="text-muted">
      {call.state === "waiting" && "It is collected with others for the next batch, which takes about a minute."}
      {call.state === "batched" && "It is in a batch at the provider. Most batches are done within the hour."}
      {call.state === "live" && "It is being asked live, at the full price."}
      {call.state !== "live" && (
        <span className="mt-1 block text-xs">
          {stateLabels[call.state]}
          <Deadline iso={call.deadlineAt} />.
        </span>
      )}
    </p>
  );
}

function Failed({ call }: { call: DeferredCall }) {
  const { text, link } = adviceFor(call.errorCode);
  return (
    <>
      <p className="flex gap-2.5 rounded-md bg-bad-soft px-3 py-2.5 text-bad">
        <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
        <span className="min-w-0 whitespace-pre-wrap [overflow-wrap:anywhere]">
          {call.error ?? "It has no answer."}
        </span>
      </p>
      <p className="mt-3">
        {text}{" "}
        {link && (
          <AppLink href={link.href} className="rounded-xs font-medium text-accent hover:underline">
            {link.label}
          </AppLink>
        )}
      </p>
    </>
  );
}

const cutNotes: Record<string, string> = {
  length: "The answer was cut at its token limit: ask again with a larger max_tokens for all of it.",
  content_filter: "The provider’s content filter ended the answer.",
};

function Answer({ call, completion }: { call: DeferredCall; completion: DeferredCompletion }) {
  const { usage } = completion;
  const choice = completion.choices[0];
  const text = choice?.message.content ?? "";
  const tools = choice?.message.tool_calls ?? [];
  const note = cutNotes[choice?.finish_reason ?? ""];
  const cached = usage.prompt_tokens_details.cached_tokens;
  const reasoning = usage.completion_tokens_details.reasoning_tokens;
  return (
    <>
      {text && (
        <div className="rounded-md border border-line bg-canvas px-3 py-2.5">
          <div className="float-right ml-3">
            <CopyButton text={text} />
          </div>
          <Markdown text={isJson(text) ? `\`\`\`json\n${prettyJson(text)}\n\`\`\`` : text} />
        </div>
      )}
      {!text && tools.length === 0 && <p className="text-muted">The model answered without any text.</p>}
      {note && <p className="mt-2 text-attention">{note}</p>}
      {tools.length > 0 && (
        <section aria-label="Tool calls">
          {tools.map((tool) => (
            <ToolFold key={tool.id} name={tool.function.name} beginning={tool.function.arguments}>
              <ToolText title="Arguments" text={prettyJson(tool.function.arguments)} />
            </ToolFold>
          ))}
        </section>
      )}
      <dl className="mt-4 grid grid-cols-2 gap-4 sm:grid-cols-4">
        <Figure
          label="Tokens in"
          value={formatCount(usage.prompt_tokens)}
          note={cached > 0 ? `${formatCount(cached)} from a prefix cache` : null}
        />
        <Figure
          label="Tokens out"
          value={formatCount(usage.completion_tokens)}
          note={reasoning > 0 ? `${formatCount(reasoning)} to think` : null}
        />
        <Figure label="Cost" value={formatMoney(call.costNanoUsd)} />
        <Figure
          label="Took"
          value={call.endedAt ? formatDuration(Date.parse(call.endedAt) - Date.parse(call.createdAt)) : "unknown"}
        />
      </dl>
    </>
  );
}

function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
