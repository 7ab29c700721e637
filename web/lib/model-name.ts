import { providerNames } from "../features/settings/provider-names.ts";

/**
 * A model as its provider calls it, which is how it is written everywhere: "openai/gpt-4.1" → "gpt-4.1". What stands before
 * the slash of another name ("squad/writers", "meta-llama/llama-4") belongs to it.
 */
export function modelName(id: string): string {
  const [kind = "", ...rest] = id.split("/");
  return rest.length > 0 && (kind === "muster" || kind in providerNames) ? rest.join("/") : id;
}
