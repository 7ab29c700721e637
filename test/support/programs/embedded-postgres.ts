// Starts the embedded PostgreSQL of the folder named by the first argument, says so in a line of JSON, and stops it
// when its input ends. For tests that kill it.
import { startEmbeddedPostgres } from "#db";

const server = await startEmbeddedPostgres({ dataDir: process.argv[2] ?? "", fsync: false });
process.stdout.write(`${JSON.stringify({ url: server.url, adopted: server.adopted, others: server.others })}\n`);
process.stdin.on("end", () => void server.stop().then(() => process.exit(0)));
process.stdin.resume();
