import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { musterCommand } from "../support/command-line.ts";
import { createTestDatabase, type TestDatabase, withDatabase } from "../support/database.ts";
import { insertExecution, insertTask } from "../support/executions.ts";
import { startAnthropicServer, startOpenAiServer, type WireServer } from "../support/llm/index.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

interface Finding {
  level: "ok" | "info" | "warning" | "problem";
  area: string;
  what: string;
  fix?: string;
}

const key = "sk-never-shown-0123456789";

describe("muster doctor", () => {
  const folder = temporaryFolder();
  let test: TestDatabase;
  let openai: WireServer;
  let anthropic: WireServer;
  let redis: TestRedis;
  before(async () => {
    [test, openai, anthropic, redis] = await Promise.all([
      createTestDatabase(),
      startOpenAiServer({ apiKey: key }),
      startAnthropicServer({ apiKey: key }),
      startRedis(),
    ]);
  });
  after(async () => {
    await Promise.all([test.drop(), openai.close(), anthropic.close(), redis.stop()]);
    await folder.remove();
  });

  // The shared server of the tests runs without fsync, which is a problem of its own: with it the code is always 1.
  async function examine(env: Record<string, string>, code = 1): Promise<Finding[]> {
    const here = { MUSTER_DATA_DIR: join(folder.path, "data"), DATABASE_URL: test.url, ...env };
    const run = await musterCommand(["doctor", "--json"], here);
    assert.equal(run.code, code, run.stdout + run.stderr);
    assert.doesNotMatch(run.stdout + run.stderr, /never-shown/);
    const { ok, findings } = JSON.parse(run.stdout) as { ok: boolean; findings: Finding[] };
    assert.equal(ok, code === 0);
    for (const { level, fix, what } of findings) {
      if (level === "warning" || level === "problem") assert.ok(fix !== undefined && fix !== "", `no fix for: ${what}`);
    }
    return findings;
  }
  const expectFinding = (findings: Finding[], level: Finding["level"], what: RegExp) =>
    assert.ok(
      findings.some((finding) => finding.level === level && what.test(finding.what)),
      `no ${level} ${what} in ${JSON.stringify(findings, null, 1)}`,
    );

  it("finds a sound installation sound, with providers and Redis that answer", async () => {
    const embedded = { DATABASE_URL: "", MUSTER_DATA_DIR: join(folder.path, "embedded") };
    const migrated = await musterCommand(["migrate"], embedded);
    assert.equal(migrated.code, 0, migrated.stderr);
    const findings = await examine(
      {
        ...embedded,
        OPENAI_API_KEY: key,
        OPENAI_BASE_URL: openai.url,
        ANTHROPIC_API_KEY: key,
        ANTHROPIC_BASE_URL: anthropic.url,
        REDIS_URL: redis.url,
      },
      0,
    );
    expectFinding(findings, "ok", /^openai at .* takes the key/);
    expectFinding(findings, "ok", /^anthropic at .* takes the key/);
    expectFinding(findings, "ok", /^Redis at .* answers/);
    expectFinding(findings, "ok", /^PostgreSQL \d+/);
    expectFinding(findings, "ok", /migrations applied/);
    expectFinding(findings, "ok", /^listens on 127\.0\.0\.1/);
  });

  it("names what is broken or unsafe, and says what to do", async () => {
    const findings = await examine({
      OPENAI_API_KEY: "sk-another-never-shown-key",
      OPENAI_BASE_URL: openai.url,
      HOST: "0.0.0.0",
      MUSTER_PROCESSES: "100",
      REDIS_URL: "redis://:never-shown@127.0.0.1:1",
    });
    expectFinding(findings, "problem", /^fsync is off/);
    expectFinding(findings, "problem", /^openai at .* refuses the key/);
    expectFinding(findings, "problem", /connections .*too many/);
    expectFinding(findings, "warning", /without TLS/);
    expectFinding(findings, "warning", /^Redis .* does not answer/);
  });

  it("says which pool fits into the server's connections, and with it is content", async () => {
    const env = { MUSTER_PROCESSES: "4", DATABASE_POOL_MAX: "500" };
    const found = (await examine(env)).find(({ what }) => /connections .*too many/.test(what));
    const fitting = /DATABASE_POOL_MAX=(\d+), or max_connections = \d+/.exec(found?.fix ?? "")?.[1];
    assert.ok(fitting, found?.fix);
    const again = await examine({ ...env, DATABASE_POOL_MAX: fitting, DATABASE_POOL_MIN: "1" });
    assert.ok(!again.some(({ what }) => /too many/.test(what)), JSON.stringify(again));
  });

  it("tells of a database that is away, empty, or refuses the password", async () => {
    const away = await examine({ DATABASE_URL: "postgres://muster:never-shown@127.0.0.1:1/muster" });
    expectFinding(away, "problem", /cannot be reached at 127\.0\.0\.1:1/);
    const wrong = new URL(test.url);
    wrong.password = "never-shown";
    const refused = await examine({ DATABASE_URL: wrong.href });
    expectFinding(refused, "problem", /refuses the password/);
    const empty = await examine({ DATABASE_URL: withDatabase(test.url, "template1") });
    expectFinding(empty, "info", /database is empty/);
  });

  it("tells of work that nobody does and of files that others can read", async () => {
    await insertExecution(test.db, await insertTask(test.db));
    const dataDir = join(folder.path, "open");
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, "secret.key"), `${Buffer.alloc(32).toString("base64")}\n`);
    chmodSync(join(dataDir, "secret.key"), 0o644);
    chmodSync(dataDir, 0o777);
    const findings = await examine({ MUSTER_DATA_DIR: dataDir });
    expectFinding(findings, "warning", /1 execution to be worked and no worker alive/);
    expectFinding(findings, "problem", /secret\.key can be read by other users/);
    expectFinding(findings, "warning", /can be changed by other users/);
  });

  it("says in plain lines which variable is bad", async () => {
    const run = await musterCommand(["doctor"], { PORT: "none", MUSTER_DATA_DIR: join(folder.path, "data") });
    assert.equal(run.code, 1);
    assert.match(run.stdout, /^PROBLEM .*PORT: "none" is not a port from 0 to 65535\n +fix: /);
    assert.match(run.stdout, /^1 problem, 0 warnings$/m);
  });
});
