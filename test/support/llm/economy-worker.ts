import pg from "pg";
import type { Query } from "#llm";
import { economyGateway } from "./economy-fixture.ts";
import { testAccount, testCall } from "./gateway-fixture.ts";

/*
 * One process of the economy test: asks for one deferred call and waits for it until it is killed.
 * Arguments: database URL, provider URL, user, call id.
 */
const [databaseUrl, providerUrl, tenantId, callId] = process.argv.slice(2) as [string, string, string, string];
const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
const query = ((text: string, params: unknown[]) => pool.query(text, params)) as Query;
// It hands over and never asks after it.
const { gateway } = economyGateway(query, [testAccount("openai", providerUrl, { id: `account of ${tenantId}` })], {
  size: 1,
  pollMs: 600_000,
});
await gateway.complete(testCall({ model: "gpt-4o-mini" }, { lane: "economy", tenantId, callId }));
