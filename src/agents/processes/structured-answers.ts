import { type Static, type TSchema, Type } from "typebox";
import { Value } from "typebox/value";
import type { MemberSnapshot } from "#contracts";

/** What a parser of a model's structured answer says; the errors are written for the model that repairs it. */
export type Parsed<Value> = { outcome: "valid"; value: Value } | { outcome: "invalid"; errors: string[] };

const MAX_REPORTED_ERRORS = 10;

const PlanAnswer = Type.Object(
  {
    steps: Type.Array(
      Type.Object(
        {
          key: Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,39}$" }),
          title: Type.String({ minLength: 1, maxLength: 300 }),
          owner: Type.String({ minLength: 1 }),
          dependsOn: Type.Array(Type.String()),
          doneCriterion: Type.String({ maxLength: 1_000 }),
          review: Type.Optional(Type.Boolean()),
        },
        { additionalProperties: false },
      ),
      { minItems: 1 },
    ),
  },
  { additionalProperties: false },
);

export const ReviewAnswer = Type.Object(
  {
    verdicts: Type.Array(
      Type.Object(
        {
          step: Type.String(),
          verdict: Type.Union([Type.Literal("accept"), Type.Literal("revise")]),
          reasons: Type.Array(Type.String({ maxLength: 4_000 })),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
export type ReviewAnswer = Static<typeof ReviewAnswer>;

/*
 * What providers are asked for is plainer than what is accepted: their strict modes take types, enums and required fields, but
 * neither optional fields nor bounds of lengths (OpenAI, Structured Outputs, "Supported schemas"; Anthropic, Structured outputs).
 */
function strict(properties: Record<string, unknown>): Record<string, unknown> {
  return { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
}

function listOf(items: Record<string, unknown>): Record<string, unknown> {
  return { type: "array", items };
}

const text = { type: "string" };

/** The form of a plan as providers are told it; the owner is one of these names. */
export function planSchema(owners: readonly MemberSnapshot[]): Record<string, unknown> {
  const owner = { type: "string", enum: [...new Set(owners.map((member) => member.name))] };
  const step = {
    key: text,
    title: text,
    owner,
    dependsOn: listOf(text),
    doneCriterion: text,
    review: { type: "boolean" },
  };
  return strict({ steps: listOf(strict(step)) });
}

/** The form of a review as providers are told it; each verdict is about one of these steps. */
export function reviewSchema(keys: readonly string[]): Record<string, unknown> {
  const verdict = { type: "string", enum: ["accept", "revise"] };
  return strict({
    verdicts: listOf(strict({ step: { type: "string", enum: [...keys] }, verdict, reasons: listOf(text) })),
  });
}

export interface PlannedWork {
  key: string;
  title: string;
  memberId: string;
  dependsOn: string[];
  doneCriterion: string;
  review: boolean;
}

/** Finds the JSON of an answer: the whole text, a fenced block, or what stands between the first and the last brace. */
function readJson(answer: string): Parsed<unknown> {
  const fenced = /```(?:json)?\s*\n([\s\S]*?)\n\s*```/.exec(answer)?.[1];
  const braced = answer.slice(Math.max(0, answer.indexOf("{")), answer.lastIndexOf("}") + 1);
  let why = "the answer is empty";
  for (const candidate of [answer, fenced, braced]) {
    if (candidate === undefined || candidate.trim() === "") continue;
    try {
      return { outcome: "valid", value: JSON.parse(candidate) };
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
  }
  return { outcome: "invalid", errors: [`It is not valid JSON: ${why}`] };
}

function parseJson<Schema extends TSchema>(schema: Schema, answer: string): Parsed<Static<Schema>> {
  const json = readJson(answer);
  if (json.outcome === "invalid") return json;
  if (Value.Check(schema, json.value)) return { outcome: "valid", value: json.value as Static<Schema> };
  const errors = Value.Errors(schema, json.value)
    .slice(0, MAX_REPORTED_ERRORS)
    .map((error) => `${error.instancePath || "/"} ${error.message}`);
  return { outcome: "invalid", errors };
}

/** Parses the lead's plan and checks what a schema cannot: known owners, unique keys, dependencies that exist and do not circle. */
export function parsePlan(answer: string, owners: readonly MemberSnapshot[], maxSteps: number): Parsed<PlannedWork[]> {
  const parsed = parseJson(PlanAnswer, answer);
  if (parsed.outcome === "invalid") return parsed;
  const { steps } = parsed.value;
  const errors: string[] = [];
  if (steps.length > maxSteps) errors.push(`It has ${steps.length} steps; at most ${maxSteps} are allowed`);
  const keys = new Set<string>();
  const planned: PlannedWork[] = [];
  for (const step of steps) {
    if (keys.has(step.key)) errors.push(`The key "${step.key}" is used twice`);
    keys.add(step.key);
    const owner = findOwner(step.owner, owners);
    if (owner === null) {
      const names = owners.map((member) => member.name).join(", ");
      errors.push(`Step "${step.key}": there is no owner "${step.owner}"; the owners are ${names}`);
    } else {
      const { key, title, doneCriterion } = step;
      const dependsOn = [...new Set(step.dependsOn)];
      planned.push({ key, title, memberId: owner.id, dependsOn, doneCriterion, review: step.review ?? false });
    }
  }
  for (const step of steps) {
    for (const key of step.dependsOn.filter((each) => !keys.has(each))) {
      errors.push(`Step "${step.key}" depends on "${key}", which is not a step`);
    }
  }
  if (errors.length === 0) errors.push(...circles(planned));
  return errors.length === 0 ? { outcome: "valid", value: planned } : { outcome: "invalid", errors };
}

function findOwner(name: string, owners: readonly MemberSnapshot[]): MemberSnapshot | null {
  const wanted = name.trim().toLowerCase();
  const named = owners.find((owner) => owner.name.toLowerCase() === wanted);
  if (named !== undefined) return named;
  const byRole = owners.filter((owner) => owner.role.toLowerCase() === wanted);
  return byRole.length === 1 ? (byRole[0] ?? null) : null;
}

/** Removes steps whose dependencies are all removed until none is left; what stays waits for itself. */
function circles(steps: readonly PlannedWork[]): string[] {
  const done = new Set<string>();
  let left = [...steps];
  while (left.length > 0) {
    const ready = left.filter((step) => step.dependsOn.every((key) => done.has(key)));
    if (ready.length === 0) return [`These steps wait for each other: ${left.map((step) => step.key).join(", ")}`];
    for (const step of ready) done.add(step.key);
    left = left.filter((step) => !done.has(step.key));
  }
  return [];
}

/** Parses a review: exactly one verdict for each step asked about, and reasons with every "revise". */
export function parseReview(answer: string, keys: readonly string[]): Parsed<ReviewAnswer["verdicts"]> {
  const parsed = parseJson(ReviewAnswer, answer);
  if (parsed.outcome === "invalid") return parsed;
  const { verdicts } = parsed.value;
  const errors: string[] = [];
  for (const key of keys) {
    const count = verdicts.filter((verdict) => verdict.step === key).length;
    if (count !== 1) errors.push(`There are ${count} verdicts for step "${key}" instead of one`);
  }
  for (const { step, verdict, reasons } of verdicts) {
    if (!keys.includes(step)) errors.push(`"${step}" is not a step under review`);
    if (verdict === "revise" && reasons.every((reason) => reason.trim() === "")) {
      errors.push(`Step "${step}" is sent back without a reason`);
    }
  }
  return errors.length === 0 ? { outcome: "valid", value: verdicts } : { outcome: "invalid", errors };
}
