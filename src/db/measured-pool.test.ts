import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createTestDatabase, type TestDatabase } from "../../test/support/database.ts";
import { openDatabase } from "./index.ts";

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

/** A way to the database that can fall silent: what is sent then never arrives, and nobody says so. */
async function startSilentProxy(url: URL) {
  const state = { silent: false };
  const sockets = new Set<Socket>();
  const { port } = url;
  const host = decodeURIComponent(url.hostname);
  const open = () => (host.startsWith("/") ? connect(`${host}/.s.PGSQL.${port}`) : connect(Number(port), host));
  const keep = (socket: Socket) => {
    sockets.add(socket);
    // The other end is told below; who tells it first does not matter.
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    const upstream = open();
    for (const socket of [client, upstream]) keep(socket);
    client.on("data", (bytes) => state.silent || upstream.write(bytes)).on("close", () => upstream.destroy());
    upstream.on("data", (bytes) => client.write(bytes)).on("close", () => client.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    state,
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

test("an answer that never comes is an error that says so, and the next statement has a connection of its own", async () => {
  const url = new URL(database.url);
  const proxy = await startSilentProxy(url);
  url.host = `127.0.0.1:${proxy.port}`;
  try {
    const db = await openDatabase({
      url: url.href,
      poolMin: 1,
      poolMax: 1,
      idleTimeoutMs: 10_000,
      connectionTimeoutMs: 5_000,
      slowQueryMs: 60_000,
      statementTimeoutMs: 50,
    });
    try {
      proxy.state.silent = true;
      const lost = db.query("lost", "SELECT 1 AS one");
      await assert.rejects(lost, /Query read timeout: the database did not answer within 5050 ms/);
      proxy.state.silent = false;
      assert.deepEqual((await db.query("found", "SELECT 2 AS two")).rows, [{ two: 2 }]);
    } finally {
      await db.close();
    }
  } finally {
    proxy.close();
  }
});

test("the error of a statement leads to whoever asked", async () => {
  async function whoAsked() {
    return await database.db.query("no_such_table", "SELECT * FROM no_such_table");
  }
  await assert.rejects(whoAsked(), (error: Error) => {
    assert.match(error.stack ?? "", /whoAsked/);
    return true;
  });
});

test("rows that nobody holds go with the next young collection", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options?: { type: "minor" }) => void;
  const oldBytes = () =>
    getHeapSpaceStatistics().find((space) => space.space_name === "old_space")?.space_used_size ?? Number.NaN;
  const read = async (times: number) => {
    for (let i = 0; i < times; i++) {
      const { rows } = await database.db.query(
        "wide_rows",
        "SELECT n, repeat(chr(97 + (n % 26)::integer), 500) AS text FROM generate_series(1, 100) n",
      );
      assert.equal(rows.length, 100);
      if (i % 5 === 4) collect({ type: "minor" });
    }
  };
  await read(20);
  collect();
  const before = oldBytes();
  await read(200);
  const grownMb = (oldBytes() - before) / 1e6;
  // 200 times 50 KB of text were read: 10 MB.
  assert.ok(grownMb < 2, `the old generation grew by ${grownMb.toFixed(1)} MB`);
});
