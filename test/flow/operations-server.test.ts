import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "#config";
import { startMuster } from "#main";
import { createTestDatabase } from "../support/database.ts";
import { freePort } from "../support/free-port.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test("a worker answers probes and Prometheus, serves nothing else, and does without when its port is taken", async (t) => {
  const database = await createTestDatabase();
  const folder = temporaryFolder();
  const port = await freePort();
  const config = readConfig({
    DATABASE_URL: database.url,
    MUSTER_DATA_DIR: folder.path,
    MUSTER_ROLE: "worker",
    PORT: String(port),
    LOG_LEVEL: "silent",
  });
  const worker = await startMuster(config);
  const second = await startMuster(config);
  t.after(async () => {
    await second.stop();
    await worker.stop();
    await database.drop();
    folder.remove();
  });
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  assert.deepEqual(await get("/health/live"), { status: 200, text: '{"status":"ok"}' });
  assert.equal((await get("/health/ready")).status, 200);
  const metrics = await get("/metrics");
  assert.match(metrics.text, /^queue_depth 0$/m);
  assert.match(metrics.text, /^db_pool_connections\{state="idle"\} \d+$/m);
  assert.equal((await get("/api/v1/squads")).status, 404);
});
