import type { ExecutionStatus } from "#contracts";
import type { Laboratory } from "./laboratory.ts";

/** What came of one round. */
export interface RoundResult {
  violations: string[];
  recoveriesMs: number[];
  /** Figures of the scenario's own, summed (counts) or listed (times) over the rounds. */
  counts: Record<string, number>;
  timesMs: Record<string, number[]>;
}

/** One way of breaking Muster. A round is a seed; the same seed breaks it in the same way. */
export interface Scenario {
  name: string;
  /** The row of docs/reliability.md. */
  title: string;
  allowed: string;
  /** Rounds in `npm test`; 0: only in the long form. */
  shortRounds: number;
  /** Rounds for each round asked for with --seeds, at most; fractions make expensive ones rarer. */
  weight: number;
  /** Left out unless it is asked for by its name: it takes hours, or thousands of sockets. */
  onlyByName?: true;
  round(seed: number, size: "short" | "long"): Promise<RoundResult>;
}

/** Waits for the end of everything, checks, and closes the laboratory whatever happens. */
export async function conclude(
  lab: Laboratory,
  options: { timeoutMs: number; allowed?: readonly ExecutionStatus[]; extraCallsNeedDisturbance?: boolean },
  extra: { counts?: Record<string, number>; timesMs?: Record<string, number[]> } = {},
): Promise<RoundResult> {
  const stuck = await lab.untilRest(options.timeoutMs);
  const violations = await lab.check({
    stuck,
    ...(options.allowed ? { allowed: options.allowed } : {}),
    ...(options.extraCallsNeedDisturbance === undefined
      ? {}
      : { extraCallsNeedDisturbance: options.extraCallsNeedDisturbance }),
  });
  if (violations.length > 0) violations.push(`the end of the log:\n${lab.log()}`);
  const ledger = lab.provider.ledger();
  return {
    violations,
    recoveriesMs: lab.history.recoveriesMs,
    counts: { executions: lab.history.acknowledged.length, providerCalls: ledger.length, ...extra.counts },
    timesMs: extra.timesMs ?? {},
  };
}

/** Opens, runs, closes. */
export async function inLaboratory(
  open: () => Promise<Laboratory>,
  run: (lab: Laboratory) => Promise<RoundResult>,
): Promise<RoundResult> {
  const lab = await open();
  try {
    return await run(lab);
  } catch (error) {
    // What a scenario waits for in vain is a broken promise, too.
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const violations = [...lab.history.violations, `the round broke off: ${what}`, `the end of the log:\n${lab.log()}`];
    return { violations, recoveriesMs: lab.history.recoveriesMs, counts: {}, timesMs: {} };
  } finally {
    await lab.close();
  }
}
