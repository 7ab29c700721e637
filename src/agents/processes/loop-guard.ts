/** How often the same call may give the same result before a person is asked. */
const MAX_REPETITIONS = 3;

export interface LoopGuard {
  /** Counts a call; true when it is the third with the same tool, arguments and result. The count then starts again. */
  repeats(tool: string, argumentsJson: string, result: string): boolean;
}

/** Notices a member that turns in circles within one step. Steps are guarded apart: each may read the same file once. */
export function createLoopGuard(): LoopGuard {
  const counts = new Map<string, number>();
  return {
    repeats(tool, argumentsJson, result) {
      const key = JSON.stringify([tool, canonicalArguments(argumentsJson), result]);
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count === MAX_REPETITIONS ? 0 : count);
      return count === MAX_REPETITIONS;
    },
  };
}

/** The same arguments in another order or spacing are the same arguments. */
function canonicalArguments(argumentsJson: string): string {
  try {
    return JSON.stringify(sorted(JSON.parse(argumentsJson)));
  } catch (error) {
    if (error instanceof SyntaxError) return argumentsJson;
    throw error;
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, each]) => [name, sorted(each)]),
  );
}
