import { openDatabase } from "#db";
import type { Query } from "#llm";
import { startDeferredCalls } from "#main";
import { economyGateway } from "./economy-fixture.ts";
import { testAccount } from "./gateway-fixture.ts";

/*
 * One process that works deferred calls until it is killed, or told to stop by SIGTERM.
 * Arguments: database URL, provider URL, user.
 */
const [databaseUrl, providerUrl, userId] = process.argv.slice(2) as [string, string, string];
const db = await openDatabase({
  url: databaseUrl,
  poolMin: 1,
  poolMax: 4,
  idleTimeoutMs: 10_000,
  connectionTimeoutMs: 10_000,
  slowQueryMs: 60_000,
});
const query = ((text: string, params: unknown[]) => db.pool.query(text, params)) as Query;
const { gateway, lane } = economyGateway(query, [testAccount("openai", providerUrl, { id: `account of ${userId}` })], {
  // Its calls are asked live at their deadline before they are in any batch.
  collectMs: 600_000,
});
lane.start();
const runner = startDeferredCalls({
  db,
  query,
  call: gateway.handler,
  onError: (error) => console.error(error),
  pollMs: 20,
  holdMs: 500,
});
process.once("SIGTERM", async () => {
  await runner.close();
  await gateway.close();
  await db.close();
  process.exit(0);
});
