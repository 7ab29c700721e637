import { createInterface } from "node:readline/promises";
import { approveExecution, type Core, type Scope, sendHints } from "#main";
import type { RunView } from "./run-view.ts";

/** Asks whether the waiting step may go on. False when nobody can be asked: no terminal, or it was closed. */
export async function answerApproval(core: Core, scope: Scope, executionId: string, view: RunView): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  view.suspend();
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question("May it go on? [y/n] ");
    const outcome = await approveExecution(core.db, scope, executionId, { approved: /^y(es)?$/i.test(answer.trim()) });
    if (outcome.outcome === "ok") sendHints(core.hints, outcome);
    return outcome.outcome === "ok";
  } finally {
    lines.close();
  }
}
