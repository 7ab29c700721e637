import type { ExecutionListItem } from "#contracts";
import { Elapsed } from "../../components/ui/moment.tsx";
import { formatDuration } from "../../lib/format.ts";

type Worked = Pick<ExecutionListItem, "startedAt" | "workedMs" | "runningSince">;

/** How long an execution of a list has worked, ticking while it runs: waits for people and for a retry are no work. */
export function WorkTime({ execution, className = "" }: { execution: Worked; className?: string }) {
  const { startedAt, workedMs, runningSince } = execution;
  if (!startedAt) return null;
  return runningSince ? (
    <Elapsed from={new Date(Date.parse(runningSince) - workedMs).toISOString()} to={null} className={className} />
  ) : (
    <span className={className}>{formatDuration(workedMs)}</span>
  );
}
