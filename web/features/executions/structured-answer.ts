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

/** Reads a plan or a review out of a message, bare or in a code fence; null for any other text, which is shown as it is. */
export function readStructuredAnswer(content: string): StructuredAnswer | null {
  const bare = content.trim().replace(/^```(?:json)?\s*([\s\S]*?)\s*```$/, "$1");
  if (!bare.startsWith("{") || !bare.endsWith("}")) return null;
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(bare) as Record<string, unknown>;
  } catch {
    // Still being written, or no JSON after all.
    return null;
  }
  const steps = records(value.steps);
  if (steps.length > 0 && steps.every((step) => text(step.title))) {
    return {
      kind: "plan",
      steps: steps.map((step) => ({ title: text(step.title), owner: text(step.owner), after: texts(step.dependsOn) })),
    };
  }
  const verdicts = records(value.verdicts);
  if (verdicts.length > 0 && verdicts.every((verdict) => text(verdict.verdict))) {
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
