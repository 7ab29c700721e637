import { type Config, readCommandEnvironment } from "#config";
import type { Execution, ExecutionStatus, NewAttachment } from "#contracts";
import { type Core, cancelExecution, composeCore, ensureOwner, readExecution, type Scope, sendHints } from "#main";
import { CommandError, exitCodes } from "../exit.ts";
import { terminalOf } from "../terminal.ts";
import { answerApproval } from "./answer-approval.ts";
import { followExecution, type Halt } from "./follow-execution.ts";
import { createJsonView } from "./json-view.ts";
import { prepareExecution } from "./prepare-execution.ts";
import type { RunView } from "./run-view.ts";
import { summarize } from "./summary.ts";
import { takeUp } from "./take-up.ts";
import { createTextView } from "./text-view.ts";
import { type Interrupts, watchInterrupts } from "./watch-interrupts.ts";

export interface RunOptions {
  task: string;
  squad: string;
  files: NewAttachment[];
  budgetNanoUsd: number | null;
  model: string | null;
  json: boolean;
  /** Id of an execution to go on with, instead of a task. */
  resume: string | null;
}

/** A worker that leaves gives a call this long to end. */
const handOverMs = 1_500;

/** Runs one execution in this process, or goes on with one, and shows it. Resolves with the code for the shell. */
export async function runExecution(config: Config, options: RunOptions): Promise<number> {
  const interrupts = watchInterrupts();
  const view = viewOf(options.json);
  let core: Core | undefined;
  try {
    core = await composeCore(config, { role: "cli", logToStderr: true });
    const scope: Scope = { userId: (await ensureOwner(core.db)).id };
    interrupts.throwIfInterrupted();
    const { executionId, shownSeq } =
      options.resume === null
        ? { executionId: await prepareExecution(core, scope, options, view.notice), shownSeq: 0 }
        : await takeUp(core, scope, options.resume, options.budgetNanoUsd);
    return await work({ core, scope, executionId, shownSeq, view, interrupts });
  } finally {
    view.close();
    interrupts.stop();
    await core?.close();
  }
}

function viewOf(json: boolean): RunView {
  const dumb = readCommandEnvironment().dumbTerminal;
  const output = terminalOf(process.stdout, { dumb });
  return json ? createJsonView(output, terminalOf(process.stderr, { dumb })) : createTextView(output);
}

interface Run {
  core: Core;
  scope: Scope;
  executionId: string;
  /** Events up to this number were there before this run. */
  shownSeq: number;
  view: RunView;
  interrupts: Interrupts;
}

async function read({ core, scope, executionId }: Run): Promise<Execution> {
  const execution = await readExecution(core.db, scope, executionId);
  if (!execution) throw new CommandError("the execution was deleted meanwhile");
  return execution;
}

async function work(run: Run): Promise<number> {
  const { core, executionId, view, interrupts } = run;
  view.begin(await read(run));
  const worker = await core.startWorker({ only: executionId });
  const offCancel = interrupts.onCancel(() => void cancel(run));
  try {
    const halt = await followToTheEnd(run);
    if (halt === "terminated") {
      await worker.stop(handOverMs);
      view.notice(`stopped; nothing is lost. Go on with: muster run --resume ${executionId}`);
      return exitCodes.terminated;
    }
    const execution = await read(run);
    view.finish(await summarize(core, execution));
    return exitCodeOf(execution.status);
  } finally {
    offCancel();
    await worker.stop(handOverMs);
  }
}

async function followToTheEnd(run: Run): Promise<Halt | "terminated"> {
  const { core, scope, executionId, shownSeq, view, interrupts } = run;
  let lastSeq = 0;
  try {
    for (;;) {
      const halt = await followExecution(core, scope, {
        executionId,
        afterSeq: lastSeq,
        signal: interrupts.terminated,
        onEvent(event) {
          lastSeq = event.seq;
          view.show(event, event.seq <= shownSeq);
        },
      });
      if (halt !== "awaiting_approval" || !(await answerApproval(core, scope, executionId, view))) return halt;
    }
  } catch (error) {
    if (interrupts.terminated.aborted) return "terminated";
    throw error;
  }
}

/** Ctrl-C: the worker closes the model's socket, keeps what was written and ends the execution. */
async function cancel({ core, scope, executionId, view }: Run): Promise<void> {
  view.notice("cancelling (Ctrl-C again leaves at once)");
  try {
    const outcome = await cancelExecution(core.db, scope, executionId);
    if (outcome.outcome === "ok") sendHints(core.hints, outcome);
  } catch (error) {
    core.logger.error({ err: error }, "the execution could not be cancelled");
    view.notice("it could not be cancelled: the database does not answer. Ctrl-C again leaves");
  }
}

function exitCodeOf(status: ExecutionStatus): number {
  if (status === "completed") return exitCodes.done;
  return status === "cancelled" ? exitCodes.cancelled : exitCodes.failed;
}
