/** Deeper nesting than this is cut with null, so that a schema that refers to itself ends. */
const MAX_DEPTH = 12;

/**
 * The smallest value that fits a JSON Schema's usual keywords (const, enum, type, required, minItems, minLength, minimum, anyOf).
 * The offline model uses it where a caller asks for a form it has no rules for: the form is right, the content is empty.
 */
export function schemaInstance(schema: unknown, depth = 0): unknown {
  if (typeof schema !== "object" || schema === null || depth > MAX_DEPTH) return null;
  const rules = schema as Record<string, unknown>;
  if ("const" in rules) return rules.const;
  if (Array.isArray(rules.enum)) return rules.enum[0];
  const choice = [rules.anyOf, rules.oneOf].find(Array.isArray);
  if (choice !== undefined) return schemaInstance(choice[0], depth + 1);
  switch (Array.isArray(rules.type) ? rules.type[0] : rules.type) {
    case "object":
      return objectInstance(rules, depth);
    case "array":
      return Array.from({ length: numberOf(rules.minItems) }, () => schemaInstance(rules.items, depth + 1));
    case "string":
      return " ".repeat(numberOf(rules.minLength));
    case "integer":
    case "number":
      return numberOf(rules.minimum);
    case "boolean":
      return false;
    default:
      return null;
  }
}

function objectInstance(rules: Record<string, unknown>, depth: number): Record<string, unknown> {
  const properties: Record<string, unknown> =
    typeof rules.properties === "object" && rules.properties !== null ? { ...rules.properties } : {};
  const required: unknown[] = Array.isArray(rules.required) ? rules.required : [];
  return Object.fromEntries(
    required
      .filter((name) => typeof name === "string")
      .map((name) => [name, schemaInstance(properties[name], depth + 1)]),
  );
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
