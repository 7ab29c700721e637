import pg from "pg";
import { postgresLimitStore, type Query } from "#llm";
import { fixtureGateway, testAccount, testCall } from "./gateway-fixture.ts";

/*
 * One process of the rate test: sends calls as fast as the governor lets it until its time is over.
 * Arguments: database URL, provider URL, requests per window, window in ms, duration in ms, squad.
 */
const [databaseUrl, providerUrl, requests, windowMs, durationMs, squadId] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
const { gateway } = fixtureGateway(
  [
    testAccount("openai", providerUrl, {
      requestsPerMinute: Math.round((Number(requests) * 60_000) / Number(windowMs)),
    }),
  ],
  {
    limitStore: postgresLimitStore(((text: string, params: unknown[]) => pool.query(text, params)) as Query),
    rate: { windowMs: Number(windowMs) },
  },
);
const endsAt = Date.now() + Number(durationMs);
let done = 0;
await Promise.all(
  Array.from({ length: 20 }, async () => {
    while (Date.now() < endsAt) {
      const call = testCall({}, { squadId, stream: false, deadlineMs: endsAt, lane: "background" });
      const sent = await gateway.complete(call).then(
        () => true,
        (error: { kind?: string }) => {
          if (error.kind !== "rate_wait_exceeded") throw error;
          return false;
        },
      );
      if (!sent) break;
      done += 1;
    }
  }),
);
await gateway.close();
await pool.end();
process.stdout.write(`${done}\n`);
