/** An answer that members write for Muster, not for people: a plan or the verdicts of a review. */
export type StructuredAnswer =
  | { kind: "plan"; steps: { title: string; owner: string; after: string[] }[] }
  | { kind: "review"; verdicts: { step: string; accepted: boolean; reasons: string[] }[] };

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
const records = (value: unknown): Record<string, unknown>[] =>
  Array.isArray(value)
    ? value.filter((one): one is Record<string, unknown> => typeof one === "object" && one !== null)
    : [];

/**
 * Reads a plan or a review out of a message, bare or in a code fence; null for any other text, which is shown as it is.
 * Of a message that is still being written it reads the entries that are whole so far: an answer that has begun to be
 * one has no entries yet, but is not shown as JSON either.
 */
export function readStructuredAnswer(content: string, streaming = false): StructuredAnswer | null {
  const bare = content.trim().replace(/^```(?:json)?\s*([\s\S]*?)(?:\s*```)?$/, "$1");
  if (!bare.startsWith("{")) return null;
  const value = parse(bare) ?? (streaming ? parseBegun(bare) : null);
  return value && toAnswer(value, streaming);
}

function parse(json: string): Record<string, unknown> | null {
  try {
    return JSON.parse(json) as Record<string, unknown>;
  } catch {
    // Still being written, or no JSON after all.
    return null;
  }
}

/** What is whole of `{"steps":[{…},{…` or `{"verdicts":[…`: the text up to the last entry that has ended. */
function parseBegun(json: string): Record<string, unknown> | null {
  const name = /^\{\s*"(steps|verdicts)"/.exec(json)?.[1];
  if (!name) return null;
  for (let at = json.lastIndexOf("}"); at > 0; at = json.lastIndexOf("}", at - 1)) {
    const value = parse(`${json.slice(0, at + 1)}]}`);
    if (value) return value;
  }
  return { [name]: [] };
}

function toAnswer(value: Record<string, unknown>, streaming: boolean): StructuredAnswer | null {
  const steps = records(value.steps);
  if ((steps.length > 0 || (streaming && Array.isArray(value.steps))) && steps.every((step) => text(step.title))) {
    return {
      kind: "plan",
      steps: steps.map((step) => ({ title: text(step.title), owner: text(step.owner), after: texts(step.dependsOn) })),
    };
  }
  const verdicts = records(value.verdicts);
  if (
    (verdicts.length > 0 || (streaming && Array.isArray(value.verdicts))) &&
    verdicts.every((verdict) => text(verdict.verdict))
  ) {
    return {
      kind: "review",
      verdicts: verdicts.map((verdict) => ({
        step: text(verdict.step),
        accepted: verdict.verdict === "accept",
        reasons: texts(verdict.reasons),
      })),
    };
  }
  return null;
}
