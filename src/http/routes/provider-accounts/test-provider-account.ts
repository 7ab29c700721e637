import type { ProviderAccountTest } from "#contracts";
import type { ProviderCredentials } from "#domain";
import { asLlmError, describe } from "#llm";
import type { HttpDependencies } from "../../dependencies.ts";

const testTimeoutMs = 15_000;
const shownModels = 500;

/** Asks the provider for its models. A refusal is an answer here, not an error: it says what to change. */
export async function testProviderAccount(
  deps: HttpDependencies,
  account: ProviderCredentials,
): Promise<ProviderAccountTest> {
  const startedAt = performance.now();
  const result = (ok: boolean, models: string[], error: string | null): ProviderAccountTest => ({
    ok,
    latencyMs: Math.round(performance.now() - startedAt),
    models,
    error,
  });
  try {
    const models = await deps.gateway.testAccount(account, AbortSignal.timeout(testTimeoutMs));
    return result(
      true,
      models.slice(0, shownModels).map((model) => model.id),
      null,
    );
  } catch (error) {
    return result(false, [], describe(asLlmError(error)));
  }
}
