import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { DeferredCallAnswer } from "#contracts";
import type { Store } from "#domain";
import type { EconomyLaneOptions, ProviderAccount, Query } from "#llm";
import { startDeferredCalls } from "#main";
import type { TestApi } from "../api-app.ts";
import { createUser, type TestUser } from "../api-client.ts";
import { economyGateway } from "./economy-fixture.ts";
import { testAccount } from "./gateway-fixture.ts";
import type { WireServer } from "./index.ts";

/** The default model of each kind in these tests. */
export const models = { openai: "gpt-4o-mini", anthropic: "claude-sonnet-4-5" };

/** An account of the user's own: its batches have the same ids at every test server. */
export const accountOf = (kind: "openai" | "anthropic", server: WireServer, user: { id: string }): ProviderAccount =>
  testAccount(kind, server.url, { id: `account of ${user.id}` });

/** Waits for a fact that another process brings about. */
export async function until<T>(look: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  const endsAt = Date.now() + 60_000;
  for (;;) {
    const value = await look();
    if (isSo(value)) return value;
    assert.ok(Date.now() < endsAt, `not within 60 s: ${JSON.stringify(value)}`);
    await delay(10);
  }
}

/** What tests of deferred calls do and look at, over an API on a test database. */
export function deferredFixture(api: TestApi) {
  const query = ((text: string, params: unknown[]) => api.database.db.pool.query(text, params)) as Query;

  /** What one process does for deferred calls: its gateway with the economy lane, and the runner over it. */
  function startProcess(
    account: ProviderAccount | ProviderAccount[],
    lane: Partial<EconomyLaneOptions> = {},
    { db = api.database.db, pollMs = 20 }: { db?: Store; pollMs?: number } = {},
  ) {
    const economy = economyGateway(query, Array.isArray(account) ? account : [account], lane);
    economy.lane.start();
    const errors: unknown[] = [];
    const runner = startDeferredCalls({
      db,
      query,
      call: economy.gateway.handler,
      onError: (error) => errors.push(error),
      pollMs,
      holdMs: 500,
    });
    return {
      errors,
      /** Of the gateway and its economy lane. */
      gatewayErrors: economy.errors,
      async stop() {
        await runner.close();
        await economy.gateway.close();
        assert.deepEqual(errors, []);
      },
    };
  }

  async function defer(user: TestUser, model: string, content = "Hello", headers: Record<string, string> = {}) {
    const body = { model, messages: [{ role: "user", content }], max_tokens: 200 };
    const answer = await user.call("POST", "/v1/chat/completions", body, { "x-muster-lane": "deferred", ...headers });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    return (answer.body as DeferredCallAnswer).deferredCall;
  }
  const read = async (user: TestUser, id: string) =>
    (await user.call("GET", `/api/v1/deferred-calls/${id}`)).body as DeferredCallAnswer;
  return {
    query,
    startProcess,
    defer,
    read,
    newUser: () => createUser(api.app, api.database.db),
    untilState: (user: TestUser, id: string, state: string) =>
      until(
        () => read(user, id),
        ({ deferredCall }) => deferredCall.state === state,
      ),
    async usageOf(user: { id: string }) {
      const { rows } = await query<{ lane: string; outcome: string; cost: number; input: number; output: number }>(
        `SELECT lane, outcome, cost_nano_usd AS cost, input_tokens AS input, output_tokens AS output
         FROM llm_usage WHERE user_id = $1 ORDER BY at, id`,
        [user.id],
      );
      return rows;
    },
    async budgetOf(scope: { id: string }) {
      const { rows } = await query<{ spent: number; reserved: number }>(
        "SELECT spent_nano_usd AS spent, reserved_nano_usd AS reserved FROM budgets WHERE scope_id = $1",
        [scope.id],
      );
      return rows[0] as { spent: number; reserved: number };
    },
    setBudget: (user: TestUser, limitNanoUsd: number) => user.call("PUT", "/api/v1/budgets/instance", { limitNanoUsd }),
  };
}

/** Batches that were handed over. */
export const batches = (server: WireServer): number =>
  server.requests.filter(({ method, path }) => method === "POST" && path.endsWith("/batches")).length;
