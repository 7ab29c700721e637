import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createProgram } from "#cli";
import { startEmbeddedPostgres } from "#db";
import { musterCommand, startMusterCommand } from "../support/command-line.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

describe("the commands beside run", () => {
  const folder = temporaryFolder();
  const environment = {
    MUSTER_DATA_DIR: join(folder.path, "data"),
    LOG_LEVEL: "warn",
    DATABASE_POOL_MIN: "1",
    PORT: "0",
  };
  const muster = (args: string[], more: Record<string, string> = {}) =>
    musterCommand(args, { ...environment, ...more });
  // The commands join it, instead of starting and stopping one each.
  let postgres: Awaited<ReturnType<typeof startEmbeddedPostgres>>;
  before(async () => {
    postgres = await startEmbeddedPostgres({ dataDir: environment.MUSTER_DATA_DIR, fsync: false });
  });
  after(async () => {
    await postgres?.stop();
    await folder.remove();
  });

  it("have a complete help with examples", async () => {
    const { code, stdout } = await muster(["--help"]);
    assert.equal(code, 0);
    const names = [...stdout.matchAll(/^ {2}([a-z]+) /gm)]
      .map((match) => match[1] ?? "")
      .filter((name) => name !== "help");
    assert.deepEqual(names, [
      "up",
      "run",
      "execution",
      "migrate",
      "seed",
      "doctor",
      "token",
      "backup",
      "restore",
      "bench",
    ]);
    const seeding = await muster(["seed", "--help"]);
    assert.equal(seeding.code, 0);
    // The others as the program has them: a process for each would say the same.
    const program = createProgram({ config: null, exitCode: 0 });
    for (const name of names) {
      let help = "";
      const command = program.commands.find((one) => one.name() === name);
      command?.configureOutput({ writeOut: (text) => (help += text) });
      command?.outputHelp();
      assert.match(help, new RegExp(`^Usage: muster ${name}`));
      assert.match(help, new RegExp(`^Examples:\n.*muster ${name}`, "m"));
      if (name === "seed") assert.equal(seeding.stdout, help);
    }
  });

  it("serve, with the data of seed, for a token, and stop in order", async () => {
    const migrated = await muster(["migrate"]);
    assert.equal(migrated.code, 0, migrated.stderr);
    assert.match(migrated.stdout, /^applied 0001_init\.sql$/m);
    assert.equal((await muster(["seed"])).code, 0);
    const again = await muster(["seed"]);
    assert.equal(again.stdout, "Everything was there already\n");
    const made = await muster(["token", "create", "--name", "a test"]);
    assert.match(made.stdout, /^mst_\S+\n$/, "the token alone");
    const server = startMusterCommand(["up"], environment);
    const [, url = ""] = await server.untilStdout(/^Muster listens on (\S+)$/m);
    const [, claim = ""] = await server.untilStdout(/^First run: make the owner's account at (\S+)$/m);
    assert.ok(claim.startsWith(`${url}/claim?code=`), "what was done before the first claim does not take it away");
    const answer = await fetch(`${url}/api/v1/squads`, {
      headers: { authorization: `Bearer ${made.stdout.trim()}`, connection: "close" },
    });
    assert.equal(answer.status, 200);
    assert.ok(((await answer.json()) as { total: number }).total >= 3);
    server.child.kill("SIGTERM");
    const { code, stderr } = await server.finished;
    assert.equal(code, 0, stderr);
  });

  it("steer an execution from the terminal, and say what may not be done", async () => {
    const token = (await muster(["token", "create"])).stdout.trim();
    const server = startMusterCommand(["up"], { ...environment, MUSTER_ROLE: "api" });
    const [, url = ""] = await server.untilStdout(/^Muster listens on (\S+)$/m);
    const post = async (path: string, body: object) => {
      const answer = await fetch(url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json", connection: "close" },
        body: JSON.stringify(body),
      });
      assert.ok(answer.ok, `${path}: ${answer.status}`);
      return (await answer.json()) as Record<string, { id: string }>;
    };
    try {
      const { squad } = await post("/api/v1/squads", { template: "research-report" });
      const { task } = await post("/api/v1/tasks", { title: "Steer me", squadId: squad?.id });
      const { execution } = await post(`/api/v1/tasks/${task?.id}/executions`, {});
      const id = execution?.id ?? "";
      const says = async (args: string[], pattern: RegExp, code = 0) => {
        const answer = await muster(["execution", ...args]);
        assert.equal(answer.code, code, answer.stderr);
        assert.match(code === 0 ? answer.stdout : answer.stderr, pattern);
      };
      await says(["list", "--status", "queued"], new RegExp(`^${id}  queued .*Steer me$`, "m"));
      await says(["pause", id], /is paused$/m);
      await says(["pause", id], /is paused$/m);
      await says(["resume", id, "--budget", "1.50"], /is queued/);
      await says(["show", id], /spend {4}\$0 of \$1\.50[\s\S]*may be {3}cancel, pause/);
      await says(["cancel", id], /is cancelled$/m);
      await says(["resume", id], /is cancelled; only a paused one can be resumed/, 1);
      await says(["retry", id], /is queued/);
      await says(["approve", id], /is queued/);
      await says(["cancel", id.replace(/^.{8}/, "00000000")], /there is no execution 00000000-/, 1);
      await says(["cancel", "42"], /"42" is not the id of an execution/, 2);
      await says(["show", id, "--user", "nobody@example.com"], /nobody here has the e-mail/, 1);
    } finally {
      server.child.kill("SIGTERM");
    }
    const { code, stderr } = await server.finished;
    assert.equal(code, 0, stderr);
  });

  it("say in one line why the server cannot start", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const port = String((taken.address() as AddressInfo).port);
    const file = join(folder.path, "file");
    writeFileSync(file, "");
    const refusedUrl = "postgres://user:hush@127.0.0.1:1/muster";
    const cases: [Record<string, string>, number, RegExp][] = [
      [{ PORT: "http" }, 2, /^muster: PORT: "http" is not a port from 0 to 65535\n$/],
      [{ PORT: port }, 1, new RegExp(`^muster: port ${port} on 127.0.0.1 is taken: .*set PORT\n$`)],
      [{ MUSTER_DATA_DIR: file }, 1, /^muster: .*\/file cannot be used \(E[A-Z]+\): .*MUSTER_DATA_DIR.*\n$/],
      [{ DATABASE_URL: refusedUrl }, 1, /^muster: the database cannot be reached at 127\.0\.0\.1:1 .*DATABASE_URL\n$/],
    ];
    for (const [more, expected, message] of cases) {
      const { code, stderr } = await muster(["up"], more);
      assert.equal(code, expected, stderr);
      assert.match(stderr, message);
    }
    taken.close();
    const debugged = await muster(["up"], { DATABASE_URL: refusedUrl, LOG_LEVEL: "debug" });
    assert.match(debugged.stderr, /^ +at /m, "with LOG_LEVEL=debug the stack is there");
    assert.doesNotMatch(debugged.stderr, /hush/);
  });

  it("refuse what they do not know", async () => {
    const cases: [string[], RegExp][] = [
      [["upp"], /unknown command 'upp'\n\(Did you mean up\?\)/],
      [["seed", "--messages", "many"], /Give a whole number/],
      [["bench", "--only", "weather"], /^muster: there is no table "weather"; choose from profile, api/],
    ];
    await Promise.all(
      cases.map(async ([args, message]) => {
        const { code, stderr } = await muster(args);
        assert.equal(code, 2);
        assert.match(stderr, message);
      }),
    );
    const { code, stderr } = await muster(["token", "create", "--user", "nobody@example.com"]);
    assert.equal(code, 1);
    assert.equal(stderr, "muster: nobody here has the e-mail nobody@example.com\n");
  });
});
