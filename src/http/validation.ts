import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import type { TSchema } from "typebox";
import { AppError } from "#contracts";

const shownErrors = 20;

/** Checks values against schemas. Bodies are refused, never coerced or trimmed; query strings are text, so they are coerced. */
export interface Validation {
  body: (schema: TSchema) => Check;
  text: (schema: TSchema) => Check;
}

/** Throws `validation_failed` naming every field that is wrong; may fill defaults and coerce in place. */
export type Check = (value: unknown, where: "params" | "query" | "body") => void;

/** Creates the two validators. Schemas are compiled at their first use, so that a start does not wait for all of them. */
export function createValidation(): Validation {
  const bodies = new Ajv({
    allErrors: true,
    strict: false,
    // Errors carry the schema, which may say in words what a pattern asks for.
    verbose: true,
    removeAdditional: false,
    coerceTypes: false,
    useDefaults: false,
  });
  const texts = new Ajv({
    allErrors: true,
    strict: false,
    // Errors carry the schema, which may say in words what a pattern asks for.
    verbose: true,
    removeAdditional: false,
    coerceTypes: true,
    useDefaults: true,
  });
  return { body: (schema) => lazily(bodies, schema), text: (schema) => lazily(texts, schema) };
}

function lazily(ajv: Ajv, schema: TSchema): Check {
  let validate: ValidateFunction | undefined;
  return (value, where) => {
    validate ??= ajv.compile(schema);
    if (validate(value)) return;
    const errors = describe(validate.errors ?? [], where);
    const first = errors[0];
    const detail = first ? `${first.path}: ${first.message}` : "The request does not match its schema.";
    throw new AppError("validation_failed", `${detail}. See /docs for the schema.`, { extra: { errors } });
  };
}

/** One line for each wrong field; the branches of "this or null" are folded into the one that says something. */
function describe(errors: ErrorObject[], where: string): { path: string; message: string }[] {
  const lines = new Map<string, string>();
  for (const error of errors) {
    if (error.keyword === "anyOf" || (error.keyword === "type" && error.params.type === "null")) continue;
    const { path, message } = describeOne(error, where);
    const before = lines.get(path);
    lines.set(path, before === undefined || before === message ? message : `${before}, ${message}`);
  }
  return [...lines].slice(0, shownErrors).map(([path, message]) => ({ path, message }));
}

function describeOne(error: ErrorObject, where: string): { path: string; message: string } {
  const at = `${where}${error.instancePath.replaceAll("/", ".")}`;
  switch (error.keyword) {
    case "additionalProperties":
      return { path: `${at}.${error.params.additionalProperty}`, message: "is not a known field" };
    case "required":
      return { path: `${at}.${error.params.missingProperty}`, message: "is needed" };
    case "enum":
      return { path: at, message: `must be one of ${(error.params.allowedValues as unknown[]).join(", ")}` };
    case "const":
      return { path: at, message: `must be ${JSON.stringify(error.params.allowedValue)}` };
    case "pattern":
      return { path: at, message: `is not of this form: ${wordsFor(error) ?? error.params.pattern}` };
    default:
      return { path: at, message: error.message ?? "is wrong" };
  }
}

/** What a pattern asks for: `description` of its schema. */
function wordsFor({ parentSchema }: ErrorObject): string | undefined {
  const { description } = (parentSchema ?? {}) as { description?: string };
  return description;
}
