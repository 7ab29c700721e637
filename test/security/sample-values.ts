import type { TObject, TSchema } from "typebox";

type JsonSchema = TSchema & {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  pattern?: string;
  minItems?: number;
  minimum?: number;
  minLength?: number;
};

/** Values for fields by name, where the schema alone does not say what works. */
export type Known = Record<string, unknown>;

/** The smallest value that a schema takes; named fields take their known value. Optional fields are left out. */
export function sample(schema: TSchema, known: Known, name = ""): unknown {
  const one = schema as JsonSchema;
  if (Object.hasOwn(known, name)) return known[name];
  if (one.const !== undefined) return one.const;
  if (one.enum) return one.enum[0];
  if (one.anyOf) return sample(one.anyOf[0] as JsonSchema, known, name);
  switch (one.type) {
    case "object":
      return Object.fromEntries(
        (one.required ?? []).map((field) => [field, sample(one.properties?.[field] as JsonSchema, known, field)]),
      );
    case "array":
      return Array.from({ length: one.minItems ?? 0 }, () => sample(one.items as JsonSchema, known, `${name}[]`));
    case "integer":
    case "number":
      return one.minimum ?? 1;
    case "boolean":
      return true;
    case "string":
      return "sample text".padEnd(one.minLength ?? 0, "x");
    default:
      return null;
  }
}

/** Names of the fields of an object schema that hold ids of things. */
export function idFields(schema: TObject | undefined): string[] {
  return Object.entries((schema?.properties ?? {}) as Record<string, JsonSchema>)
    .filter(([name, field]) => /(^|[a-z])Ids?$|^ids$/.test(name) && JSON.stringify(field).includes("[0-9a-fA-F]{8}"))
    .map(([name]) => name);
}
