import { once } from "node:events";
import pg from "pg";

const roundTrips = 200;

/** The least time from one process to another through PostgreSQL: a NOTIFY until a listener has it, one at a time. */
export async function notifyFloor(databaseUrl: string): Promise<{ p50Ms: number; p99Ms: number }> {
  const [teller, listener] = [new pg.Client({ connectionString: databaseUrl }), new pg.Client(databaseUrl)];
  await Promise.all([teller.connect(), listener.connect()]);
  await listener.query("LISTEN bench_notify");
  const times: number[] = [];
  for (let trip = 0; trip < roundTrips; trip++) {
    const heard = once(listener, "notification");
    const began = performance.now();
    await teller.query({ name: "notify", text: "SELECT pg_notify('bench_notify', $1)", values: [String(trip)] });
    await heard;
    times.push(performance.now() - began);
  }
  await Promise.all([teller.end(), listener.end()]);
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(share * times.length)] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
