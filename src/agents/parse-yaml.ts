import type { Static, TSchema } from "typebox";
import { Value } from "typebox/value";
import { parse } from "yaml";

/** Parses YAML and checks it; throws an error that names the source, the field and what is wrong with it. */
export function parseYaml<Schema extends TSchema>(schema: Schema, text: string, source: string): Static<Schema> {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new Error(`${source}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (Value.Check(schema, value)) return value as Static<Schema>;
  const problems = Value.Errors(schema, value).map((error) => `${error.instancePath || "/"} ${error.message}`);
  throw new Error(`${source}: ${problems.join("; ")}`);
}
