import { ExecutionStopped, openWorkspace, type ProcessOutcome, runProcess } from "#agents";
import { AppError, type EndReason, type ExecutionStatus, type NotificationKind } from "#contracts";
import type { Database } from "#db";
import { uuidv7 } from "#db";
import type { EventHub } from "#events";
import { describe, LlmError, type LlmHandler } from "#llm";
import type { Claim, WorkerLease } from "#queue";
import { ExecutionJournal, type LiveEvent } from "./execution-journal.ts";
import { type CloseExecution, type EndCall, type NewMessage, storableText } from "./journal-batch.ts";
import { isPassing, type JournalWriter } from "./journal-writer.ts";
import { type LoadedExecution, loadExecution } from "./load-execution.ts";
import { Run, type RunStop } from "./runtime.ts";
import { prepareWorkspace } from "./workspace-folder.ts";

/** Three claims in a row without a finished call or step: the execution, not the machine, is what kills workers. */
export const maxClaimsWithoutProgress = 3;

const deferredTimeLimitMs = 7 * 86_400_000;

export interface RunDeps {
  db: Database;
  writer: JournalWriter;
  hub: EventHub;
  gateway: LlmHandler;
  /** The lease under which the execution is worked: while it is in doubt, nothing with an effect is begun. */
  lease: Pick<WorkerLease, "doubtful">;
  /** Folder that holds one workspace per execution. */
  workspacesDir: string;
  flushIntervalMs: () => number;
  log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
  /** Told of every commit, before readers of the events are; `coarse`: more changed than text being written. */
  onCommitted?: (change: { userId: string; executionId: string; squadId: string | null; coarse: boolean }) => void;
  onEnded?: (ended: { status: ExecutionStatus; durationMs: number }) => void;
  /** Surrounds the work on an execution, for logs and traces; `traceparent` is of the request that started it. */
  surround?: (execution: { id: string; traceparent: string | null }, work: () => Promise<void>) => Promise<void>;
}

/** A claimed execution at work in this process. */
export interface ActiveRun {
  readonly executionId: string;
  /** A user's wish, heard of by a hint or a look at the table. */
  control(flags: { cancel: boolean; pause: boolean }): void;
  /** Hands it back to the queue: running calls get `graceMs` to end, then are cut off. */
  handOver(graceMs: number): Promise<void>;
  /** The lease is gone: stop everything, write nothing. */
  abandon(): void;
  /** Resolves when the execution has left this process; never rejects. */
  readonly done: Promise<void>;
}

/** Works a claimed execution to its end, or to where it rests. */
export function startRun(deps: RunDeps, claim: Claim): ActiveRun {
  let run: Run | null = null;
  let early: RunStop | null = null;

  function stop(next: RunStop, cut: boolean): void {
    if (run) run.stop(next, cut);
    else early = next;
  }

  async function work(): Promise<void> {
    const execution = await loadExecution(deps.db, claim);
    const journal = new ExecutionJournal({
      executionId: claim.id,
      epoch: claim.epoch,
      writer: deps.writer,
      hub: deps.hub,
      onCommitted: (coarse) =>
        deps.onCommitted?.({ userId: execution.userId, executionId: claim.id, squadId: execution.squadId, coarse }),
      // A batch that was lost or left is billed beside the journal: the next events' total has it too.
      onCost: (costNanoUsd) => run?.setCost(costNanoUsd),
      onFlags: control,
      onStopped: (reason, cause) => {
        stop({ reason: reason === "fenced" ? "fenced" : "journal_failed", detail: reason }, true);
        deps.log.warn(
          { executionId: claim.id, epoch: claim.epoch, reason, err: cause },
          "stopped writing an execution",
        );
      },
    });
    const folder = await prepareWorkspace(deps.db, deps.workspacesDir, execution);
    const workspace = await openWorkspace(folder);
    run = new Run({
      execution,
      journal,
      gateway: deps.gateway,
      lease: deps.lease,
      workspace,
      readAttachment: (name, maxBytes) => readAttachment(workspace, name, maxBytes),
      flushIntervalMs: deps.flushIntervalMs,
    });
    if (early) run.stop(early, true);
    control({ cancel: execution.cancelRequested, pause: execution.pauseRequested });
    recover(execution, journal, claim);
    const running = run;
    const surround = deps.surround ?? ((_, goOn) => goOn());
    await surround(execution, () => finish(running, journal, execution));
  }

  /** Drives the process to its end and closes the execution with what came of it. */
  async function finish(running: Run, journal: ExecutionJournal, execution: LoadedExecution): Promise<void> {
    const startedMs = Date.now();
    const detail = "The execution's time limit was reached. Raise it and retry.";
    const timer = setTimeout(
      () => stop({ reason: "limit", detail, endReason: "time_limit" }, true),
      Math.max(1, timeLimitMs(execution) - execution.workedMs),
    );
    try {
      const close = await drive(running, claim);
      if (!close) return;
      await journal.commit({ close });
      const durationMs = Date.now() - startedMs;
      deps.onEnded?.({ status: close.status, durationMs });
      deps.log.info(
        { executionId: claim.id, epoch: claim.epoch, status: close.status, durationMs },
        "execution closed",
      );
    } finally {
      clearTimeout(timer);
    }
  }

  function control(flags: { cancel: boolean; pause: boolean }): void {
    if (flags.cancel) stop({ reason: "cancel", detail: "Cancelled by its user." }, true);
    else if (flags.pause && !run?.stopped) stop({ reason: "pause", detail: "Paused by its user." }, false);
  }

  const done = work().catch((error: unknown) => {
    if (error instanceof ExecutionStopped) return;
    // The row stays `running` under this epoch; the sweep gives it to the next claim, or buries it after three.
    deps.log.error(
      { executionId: claim.id, epoch: claim.epoch, err: error },
      "an execution left its worker with a fault",
    );
    return releaseAfterFault(deps.db, claim, error).catch((releaseError: unknown) => {
      deps.log.error({ executionId: claim.id, err: releaseError }, "could not give an execution back; the lease will");
    });
  });

  return {
    executionId: claim.id,
    control,
    async handOver(graceMs) {
      stop({ reason: "shutdown", detail: "The worker shuts down." }, false);
      const timer = setTimeout(() => stop({ reason: "shutdown", detail: "The worker shuts down." }, true), graceMs);
      await done;
      clearTimeout(timer);
    },
    abandon: () => stop({ reason: "fenced", detail: "The lease was lost." }, true),
    done,
  };
}

/** Runs the squad's process and says how the execution is to be closed; null when nothing may be written any more. */
async function drive(run: Run, claim: Claim): Promise<CloseExecution | null> {
  if (claim.claimsWithoutProgress > maxClaimsWithoutProgress) {
    return closing(
      "failed",
      "no_progress",
      `Given up after ${maxClaimsWithoutProgress} tries in which no step was finished: each time the process that worked it died.`,
      null,
    );
  }
  let outcome: ProcessOutcome;
  try {
    outcome = await runProcess(run);
  } catch (error) {
    const stopped = run.stopped;
    // Running calls end first (a pause lets them finish, a cut has aborted them), so that what they used is settled.
    if (!stopped) run.stop({ reason: "fault", detail: "failed" }, true);
    await run.settled();
    return stopped ? closeStopped(stopped) : closeFailed(error);
  }
  await run.settled();
  if (outcome.outcome === "completed") return closing("completed", "done", null, outcome.resultMessageId);
  const endReason: EndReason = outcome.reason === "squad_invalid" ? "step_failed" : outcome.reason;
  return closing("failed", endReason, outcome.detail, null);
}

function closeStopped(stop: RunStop): CloseExecution | null {
  switch (stop.reason) {
    case "cancel":
      return closing("cancelled", "cancelled_by_user", null, null);
    case "pause":
      return resting("paused", { type: "execution-pause", data: { reason: stop.detail } });
    case "loop_guard":
      return resting(
        "paused",
        { type: "execution-pause", data: { reason: stop.detail } },
        {
          kind: "execution_paused",
          title: "An execution was paused: it repeats itself",
          body: stop.detail,
        },
      );
    case "awaiting_approval":
      return resting(
        "awaiting_approval",
        { type: "approval-request", data: { stepId: stop.stepId ?? "", reason: stop.detail } },
        {
          kind: "approval_requested",
          title: "A plan waits for your approval",
          body: stop.detail,
        },
      );
    case "limit":
      return closing("failed", stop.endReason ?? "internal_error", stop.detail, null);
    case "shutdown":
      return { status: "queued", endReason: null, error: null, resultMessageId: null, events: [] };
    case "fault":
    case "fenced":
    case "journal_failed":
      return null;
  }
}

function closeFailed(error: unknown): CloseExecution {
  if (error instanceof LlmError) {
    if (error.kind === "budget_exceeded") return closing("budget_exceeded", "budget_exceeded", describe(error), null);
    return closing("failed", "provider_failed", describe(error), null);
  }
  if (error instanceof AppError) return closing("failed", "step_failed", error.message, null);
  // Not foreseen: the worker's log has the stack, the user a sentence. Thrown on, so that it counts as a fault.
  throw error;
}

function closing(
  status: ExecutionStatus,
  endReason: EndReason,
  error: string | null,
  resultMessageId: string | null,
): CloseExecution {
  const text = error === null ? null : storableText(error);
  return {
    status,
    endReason,
    error: text,
    resultMessageId,
    events: [{ type: "execution-end", data: { status, endReason, ...(text === null ? {} : { error: text }) } }],
    ...notificationFor(status, text),
  };
}

function notificationFor(status: ExecutionStatus, error: string | null): Pick<CloseExecution, "notification"> {
  const kinds: Partial<Record<ExecutionStatus, [NotificationKind, string]>> = {
    completed: ["execution_completed", "An execution is complete"],
    failed: ["execution_failed", "An execution failed"],
    budget_exceeded: ["budget_exceeded", "An execution stopped at its budget"],
  };
  const found = kinds[status];
  if (!found) return {};
  return { notification: { id: uuidv7(), kind: found[0], title: found[1], body: (error ?? "").slice(0, 500) } };
}

function resting(
  status: "paused" | "awaiting_approval",
  event: LiveEvent,
  notification?: { kind: NotificationKind; title: string; body: string },
): CloseExecution {
  return {
    status,
    endReason: null,
    error: null,
    resultMessageId: null,
    events: [event],
    ...(notification ? { notification: { id: uuidv7(), ...notification } } : {}),
  };
}

/** A deferred execution waits for batches, each up to a day: it has the longest time a squad could be given. */
function timeLimitMs({ lane, squad }: LoadedExecution): number {
  return lane === "economy" ? Math.max(deferredTimeLimitMs, squad.limits.maxDurationMs) : squad.limits.maxDurationMs;
}

/** First batch of a claim that is not the first: says that it was taken over, and books what a dead worker left unfinished as lost. */
function recover(execution: LoadedExecution, journal: ExecutionJournal, claim: Claim): void {
  const events: LiveEvent[] = [];
  const ends: EndCall[] = [];
  const messages: NewMessage[] = [];
  if (claim.takenOver) events.push({ type: "execution-resume", data: { by: "recovery" } });
  for (const call of execution.calls.filter((one) => one.state === "started")) {
    const text = execution.partialTexts.get(call.messageId) ?? "";
    events.push({
      type: "message-reset",
      data: { messageId: call.messageId, reason: "The worker that received it died; the call is repeated." },
    });
    if (text.length > 0) messages.push(lostMessage(call.messageId, call.stepId, call.model, text));
    ends.push(execution.deferredCalls.has(call.id) ? leftInBatch(call) : lostCall(call));
    call.state = "lost";
  }
  if (events.length + ends.length > 0) journal.add({ events, messages, ends });
}

function lostMessage(id: string, stepId: string, model: string, content: string): NewMessage {
  return {
    id,
    stepId,
    memberId: null,
    role: "assistant",
    status: "reset",
    model,
    content,
    toolCalls: null,
    inputTokens: null,
    outputTokens: null,
  };
}

/**
 * What a call in flight at a crash cost is not known: the budget is charged with all that was reserved for it, so that
 * it cannot be exceeded; the bill says `lost`, estimated.
 */
function lostCall(call: LoadedExecution["calls"][number]): EndCall {
  return {
    id: call.id,
    stepId: call.stepId,
    key: call.key,
    memberId: null,
    messageId: call.messageId,
    state: "lost",
    provider: call.provider,
    model: call.model,
    accountId: null,
    cacheResult: null,
    response: null,
    error: "The worker died while the call was in flight.",
    trimmed: null,
    attempts: 1,
    latencyMs: null,
    timeToFirstTokenMs: null,
    rateWaitMs: null,
    inputTokens: call.inputTokens,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    estimated: true,
    costNanoUsd: call.reservedNanoUsd,
    savedNanoUsd: null,
    reserved: call.reservedNanoUsd !== null,
    // All of what is still reserved; the cost above has former attempts in it, which are settled already.
    settleNanoUsd: null,
    usageId: uuidv7(),
  };
}

/** The repeated call joins its batch: the answer is paid and booked once, by the one that gets it. */
function leftInBatch(call: LoadedExecution["calls"][number]): EndCall {
  const { usageId: _, ...end } = lostCall(call);
  return {
    ...end,
    error: "The worker died while the call was in its provider's batch; the next attempt joins it.",
    inputTokens: 0,
    estimated: false,
    costNanoUsd: 0,
    settleNanoUsd: 0,
  };
}

/**
 * A fault is not a verdict: the execution goes back to the queue after a pause and counts as a claim without progress,
 * unless it was the database that was away or full.
 */
async function releaseAfterFault(db: Database, claim: Claim, fault: unknown): Promise<void> {
  await db.query(
    "queue_release",
    `UPDATE task_executions SET status = 'queued', worker_id = NULL, running_since = NULL,
       claims_without_progress = GREATEST(0, claims_without_progress - $3),
       queued_at = clock_timestamp() + make_interval(secs => LEAST(30, 2 ^ claims_without_progress))
     WHERE id = $1 AND epoch = $2 AND status = 'running'`,
    [claim.id, claim.epoch, isPassing(fault) ? 1 : 0],
  );
}

async function readAttachment(
  workspace: Awaited<ReturnType<typeof openWorkspace>>,
  name: string,
  maxBytes: number,
): Promise<string | null> {
  try {
    const { text } = await workspace.read(`attachments/${name}`, { maxBytes });
    return text;
  } catch (error) {
    if (error instanceof Error && error.name === "WorkspaceError") return null;
    throw error;
  }
}
