import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createApiKey } from "#domain";
import { createTestDatabase } from "../support/database.ts";
import { freePort } from "../support/free-port.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const muster = fileURLToPath(new URL("../../bin/muster.js", import.meta.url));
const apiProcess = /src\/main\/api-process\.ts/;

/** Ids of the API processes below this one, by Linux's own account. */
function apiProcessesOf(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((one) => /^\d+$/.test(one))) {
    try {
      parents.set(
        Number(name),
        Number(
          readFileSync(`/proc/${name}/stat`, "utf8")
            .replace(/^.*\) \S /s, "")
            .split(" ")[0],
        ),
      );
    } catch (error) {
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error; // It has ended meanwhile.
    }
  }
  const isBelow = (pid: number): boolean => pid === root || (parents.has(pid) && isBelow(parents.get(pid) as number));
  return [...parents.keys()].filter(
    (pid) => pid !== root && isBelow(pid) && apiProcess.test(readFileSync(`/proc/${pid}/cmdline`, "utf8")),
  );
}

/** On a connection of its own, so that the processes take turns. */
function get(url: string, token: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, headers: { authorization: `Bearer ${token}` } }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    sent.on("error", reject);
    sent.end();
  });
}

async function until<Value>(what: string, look: () => Promise<Value | null> | Value | null): Promise<Value> {
  for (const end = performance.now() + 60_000; performance.now() < end; await delay(50)) {
    const found = await look();
    if (found !== null) return found;
  }
  throw new Error(`Waited for a minute: ${what}`);
}

test("MUSTER_PROCESSES: one port, figures of all, a killed one comes back, the end ends all", {
  timeout: 180_000,
}, async (t) => {
  const folder = temporaryFolder();
  const database = await createTestDatabase({ poolMax: 2 });
  const { rows } = await database.db.query<{ id: string }>(
    "test_user_create",
    "INSERT INTO users (id, email, name, password_hash, role) VALUES (gen_random_uuid(), 'port@example.org', 'Port', '!', 'owner') RETURNING id",
    [],
  );
  const { token } = await createApiKey(database.db, { userId: rows[0]?.id ?? "" }, "test");
  const port = await freePort();
  const child = spawn(process.execPath, [muster, "up"], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env.PATH ?? "/usr/bin:/bin",
      HOME: folder.path,
      MUSTER_ROLE: "api",
      MUSTER_PROCESSES: "2",
      MUSTER_DATA_DIR: `${folder.path}/data`,
      DATABASE_URL: database.url,
      DATABASE_POOL_MIN: "1",
      DATABASE_POOL_MAX: "4",
      PORT: String(port),
      LOG_LEVEL: "fatal",
    },
  });
  const exited = once(child, "exit");
  t.after(async () => {
    child.kill("SIGKILL");
    await exited;
    await database.drop();
    await folder.remove();
  });
  const url = `http://127.0.0.1:${port}`;
  const ok = async () => (await get(`${url}/api/v1/squads`, token)).status === 200;
  const okOrRefused = () => ok().catch(() => false); // Nobody listens yet, or the process that had the connection is gone.
  await until("Muster answers", async () => ((await okOrRefused()) ? true : null));
  const first = await until("two processes", () => {
    const pids = apiProcessesOf(child.pid ?? 0);
    return pids.length === 2 ? pids : null;
  });

  const counted = async () => {
    const { body } = await get(`${url}/metrics`, token);
    return Number(/^http_requests_total\{[^}]*route="\/api\/v1\/squads"[^}]*\} (\d+)$/m.exec(body)?.[1] ?? 0);
  };
  const before = await counted();
  for (let sent = 0; sent < 20; sent++) assert.ok(await ok());
  // Whichever of them is asked, it tells of all.
  for (let asked = 0; asked < 4; asked++) assert.equal(await counted(), before + 20);

  const [killed = 0] = first;
  process.kill(killed, "SIGKILL");
  await until("another in place of the killed one", () => {
    const pids = apiProcessesOf(child.pid ?? 0);
    return pids.length === 2 && !pids.includes(killed) ? pids : null;
  });
  await until("it answers", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, okOrRefused));
    return answers.every(Boolean) ? true : null;
  });

  const last = apiProcessesOf(child.pid ?? 0);
  child.kill("SIGTERM");
  assert.deepEqual(await exited, [0, null]);
  for (const pid of last) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});
