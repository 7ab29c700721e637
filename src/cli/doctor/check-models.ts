import type { Config } from "#config";
import { accountsFromEnvironment, findLocalServers } from "#main";
import { type Finding, findingsOf } from "./finding.ts";

type Account = ReturnType<typeof accountsFromEnvironment>[number];

const timeoutMs = 5_000;
const variables: Record<string, string> = {
  openai: "OPENAI_API_KEY",
  anthropic: "ANTHROPIC_API_KEY",
  google: "GOOGLE_API_KEY",
  ollama: "OLLAMA_BASE_URL",
};

/** The providers of the environment: whether they answer, and take their keys. Lists models; nothing is paid for. */
export async function checkModels(config: Config): Promise<Finding[]> {
  const { found, add } = findingsOf("models");
  const configured = accountsFromEnvironment(config);
  for (const result of await Promise.all(configured.map(askForModels))) add(...result);
  if (configured.length > 0) return found;
  const local = await findLocalServers();
  for (const account of local) add("ok", `${account.id.replace("local-", "")} answers at ${account.baseUrl}`);
  if (local.length === 0) {
    add(
      "info",
      "no provider is configured: the rule-based offline model works, at no cost",
      "set a key, for example OPENAI_API_KEY, or add a provider account in the UI",
    );
  }
  return found;
}

/** Where an account's models are listed: OpenAI's "List models", Anthropic's "List Models". */
function listing(account: Account): { url: string; headers: Record<string, string> } {
  const base = account.baseUrl.replace(/\/+$/, "");
  if (account.kind === "anthropic") {
    const url = /\/v1$/.test(base) ? `${base}/models` : `${base}/v1/models`;
    return {
      url,
      headers: { "anthropic-version": "2023-06-01", ...(account.apiKey ? { "x-api-key": account.apiKey } : {}) },
    };
  }
  return { url: `${base}/models`, headers: account.apiKey ? { authorization: `Bearer ${account.apiKey}` } : {} };
}

async function askForModels(account: Account): Promise<[Finding["level"], string, string?]> {
  const { url, headers } = listing(account);
  const variable = variables[account.kind] ?? "its key";
  const place = `${account.kind} at ${new URL(url).host}`;
  try {
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(timeoutMs), redirect: "error" });
    await answer.body?.cancel();
    if (answer.ok) return ["ok", `${place} answers${account.apiKey === null ? "" : " and takes the key"}`];
    if (answer.status === 401 || answer.status === 403) {
      return ["problem", `${place} refuses the key (${answer.status})`, `check ${variable}; a new key may be needed`];
    }
    if (answer.status === 404) return ["info", `${place} answers but does not list its models`];
    return ["warning", `${place} answers with ${answer.status}`, "look at the provider's status page, then try again"];
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
    const why = error instanceof Error && error.name === "TimeoutError" ? ` within ${timeoutMs / 1_000} s` : code;
    return [
      "problem",
      `${place} does not answer${why}`,
      `check the address (${baseVariable(account)}) and the network`,
    ];
  }
}

function baseVariable(account: Account): string {
  return account.kind === "google" ? "the proxy of this machine" : `${account.kind.toUpperCase()}_BASE_URL`;
}
