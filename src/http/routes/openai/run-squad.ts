import { AppError } from "#contracts";
import {
  acceptExecution,
  areaTag,
  type Caller,
  createTask,
  findSquadBySlug,
  joinTransaction,
  readExecution,
  type Store,
  sendHints,
} from "#domain";
import type { StoredEvent } from "#events";
import type { LlmMessage } from "#llm";
import type { HttpDependencies } from "../../dependencies.ts";
import { expectFound, expectOk } from "../../expect-ok.ts";
import { executionChanges } from "../executions/execution-changes.ts";

/** What an execution that was asked for as a model came to. */
export interface SquadResult {
  text: string;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
  costIncomplete: boolean;
}

export interface SquadRun {
  executionId: string;
  /** Streams the lead's answer as it is written. When `signal` aborts it stops waiting; the execution goes on. */
  result(onText: (text: string) => void, signal: AbortSignal): Promise<SquadResult>;
}

const prefix = "squad/";
const titleLength = 120;

/** The slug in a model's name `squad/SLUG`; null for other models. */
export function squadSlugOf(model: string): string | null {
  return model.startsWith(prefix) && model.length > prefix.length ? model.slice(prefix.length) : null;
}

/** Starts an execution whose task is a conversation; the last user message is what is wanted. */
export async function runSquadFor(options: {
  db: Store;
  caller: Caller;
  deps: HttpDependencies;
  slug: string;
  messages: readonly LlmMessage[];
  onStart: (executionId: string) => void;
}): Promise<SquadRun> {
  const { db, caller, deps, slug } = options;
  const squadId = expectFound(await findSquadBySlug(db, caller, slug), `squad with the slug "${slug}"`);
  const { title, description } = toTask(options.messages);
  const accepted = await db.transaction(async (transaction) => {
    const { task } = expectOk(await createTask(joinTransaction(transaction), caller, { title, description, squadId }));
    return expectOk(await acceptExecution(transaction, caller, { taskId: task.id, squadId, lane: "interactive" }));
  });
  await deps.cache.invalidate(executionChanges.map((area) => areaTag(caller.userId, area)));
  sendHints(deps.hints, { ...accepted, wish: "run" });
  const executionId = accepted.execution.id;
  options.onStart(executionId);
  return { executionId, result: (onText, signal) => awaitResult({ db, caller, deps, executionId, onText, signal }) };
}

function toTask(messages: readonly LlmMessage[]): { title: string; description: string } {
  const last = messages.findLast((message) => message.role === "user");
  if (!last) throw new AppError("validation_failed", "messages: a squad needs at least one user message as its task.");
  const title = last.content.replace(/\s+/g, " ").trim().slice(0, titleLength) || "Task";
  const before = messages.filter((message) => message !== last && message.content !== "");
  if (before.length === 0) return { title, description: last.content };
  const history = before.map((message) => `${message.role}: ${message.content}`).join("\n\n");
  return { title, description: `${last.content}\n\n---\nThe conversation before:\n\n${history}` };
}

interface Waiting {
  db: Store;
  caller: Caller;
  deps: HttpDependencies;
  executionId: string;
  onText: (text: string) => void;
  signal: AbortSignal;
}

async function awaitResult(waiting: Waiting): Promise<SquadResult> {
  const { db, caller, executionId, onText } = waiting;
  const streamed = await followSummary(waiting);
  const execution = expectFound(await readExecution(db, caller, executionId), "execution");
  if (execution.status !== "completed" || !execution.result) {
    throw new AppError(
      execution.status === "budget_exceeded" ? "budget_exceeded" : "provider_failed",
      `The execution ended as ${execution.status}: ${execution.error ?? execution.endReason ?? "it waits for you"}. See /executions/${executionId}.`,
    );
  }
  const { text } = execution.result;
  if (!text.startsWith(streamed)) {
    throw new AppError(
      "provider_failed",
      `The answer was written anew while it was sent. Read it at /executions/${executionId}.`,
    );
  }
  if (text.length > streamed.length) onText(text.slice(streamed.length));
  const { inputTokens, outputTokens, costNanoUsd, costIncomplete } = execution.totals;
  return { text, inputTokens, outputTokens, costNanoUsd, costIncomplete };
}

/** Sends on the text of summary steps until the execution rests; resolves with what was sent. */
function followSummary({ deps, executionId, onText, signal }: Waiting): Promise<string> {
  return new Promise((resolve, reject) => {
    const summarySteps = new Set<string>();
    const shown = new Set<string>();
    let sent = "";
    const stop = deps.events.subscribe(executionId, 0, {
      onEvents: (events) => {
        for (const event of events) take(event);
      },
      onEnd: () => resolve(sent),
      onError: (error) => deps.logger.warn({ err: error, executionId }, "events could not be read; trying again"),
    });
    function take({ type, data }: StoredEvent): void {
      if (type === "step-start" && data.kind === "summary") summarySteps.add(String(data.stepId));
      if (type === "message-start" && summarySteps.has(String(data.stepId))) shown.add(String(data.messageId));
      if (type === "message-delta" && shown.has(String(data.messageId))) {
        sent += String(data.text);
        onText(String(data.text));
      }
      // It waits for its user, who is not looking at this stream.
      if (type === "approval-request" || type === "execution-pause") {
        stop();
        resolve(sent);
      }
    }
    const leave = (): void => {
      stop();
      reject(new AppError("unavailable", "The client went away; the execution goes on."));
    };
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  });
}
