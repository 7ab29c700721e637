import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseEnv } from "node:util";
import { ConfigError, environmentVariables, readConfig, renderEnvExample } from "./index.ts";

const problemsOf = (env: NodeJS.ProcessEnv): readonly string[] => {
  try {
    readConfig(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  return [];
};

test("an empty environment gives the defaults of the contract", () => {
  const config = readConfig({ PATH: "/bin", HOME: "/home/a" }, "/srv");
  assert.equal(config.port, 3000);
  assert.equal(config.host, "127.0.0.1");
  assert.equal(config.dataDir, "/srv/.muster");
  assert.equal(config.role, "all");
  assert.equal(config.processes, 1);
  assert.deepEqual(config.database, {
    url: null,
    readUrl: null,
    poolMin: 5,
    poolMax: 20,
    idleTimeoutMs: 30_000,
    connectionTimeoutMs: 5_000,
    slowQueryMs: 1_000,
  });
  assert.equal(config.logLevel, "info");
  assert.equal(config.openai.apiKey, null);
});

test("values are parsed, empty ones count as unset", () => {
  const config = readConfig({
    PORT: "8080",
    MUSTER_ROLE: "worker",
    REDIS_URL: "",
    DATABASE_URL: "postgres://a@b/c",
    SLOW_QUERY_MS: "0",
  });
  assert.equal(config.port, 8080);
  assert.equal(config.role, "worker");
  assert.equal(config.redisUrl, null);
  assert.equal(config.database.url, "postgres://a@b/c");
  assert.equal(config.database.slowQueryMs, 0);
});

test("a bad value gives one line that says what is expected", () => {
  assert.deepEqual(problemsOf({ PORT: "http" }), ['PORT: "http" is not a port from 0 to 65535']);
  assert.deepEqual(problemsOf({ PORT: "70000" }), ['PORT: "70000" is not a port from 0 to 65535']);
  assert.deepEqual(problemsOf({ PORT: "1e3" }), ['PORT: "1e3" is not a port from 0 to 65535']);
  assert.deepEqual(problemsOf({ MUSTER_ROLE: "boss" }), ['MUSTER_ROLE: "boss" is not one of all, api, worker']);
  assert.deepEqual(problemsOf({ DATABASE_POOL_MAX: "-1" }), [
    'DATABASE_POOL_MAX: "-1" is not a whole number from 1 to 1000',
  ]);
  assert.equal(problemsOf({ PORT: "x", LOG_LEVEL: "loud" }).length, 2);
});

test("neither a secret nor a URL with its password is repeated", () => {
  const text = problemsOf({ MUSTER_SECRET_KEY: "hush", DATABASE_URL: "mysql://user:hush@host/db" }).join("\n");
  assert.match(text, /MUSTER_SECRET_KEY: its value is not at least 32 characters/);
  assert.match(text, /DATABASE_URL: its value is not a URL that begins with postgres:\/\/ or postgresql:\/\//);
  assert.doesNotMatch(text, /hush/);
});

test("unknown names of ours and near misses are refused, names of others are not", () => {
  assert.match(problemsOf({ MUSTER_COLOUR: "red" })[0] ?? "", /^MUSTER_COLOUR is unknown/);
  assert.deepEqual(problemsOf({ DATABASE_POOL_MX: "3" }), [
    "DATABASE_POOL_MX is unknown: did you mean DATABASE_POOL_MAX?",
  ]);
  assert.deepEqual(problemsOf({ OPENAI_APIKEY: "k" }), ["OPENAI_APIKEY is unknown: did you mean OPENAI_API_KEY?"]);
  assert.deepEqual(problemsOf({ OPENAI_ORG_ID: "o", GOOGLE_APPLICATION_CREDENTIALS: "f", OTEL_SERVICE_NAME: "s" }), []);
});

test("contradictions are refused", () => {
  assert.match(problemsOf({ DATABASE_POOL_MIN: "30" })[0] ?? "", /more than DATABASE_POOL_MAX/);
  assert.match(problemsOf({ DATABASE_READ_URL: "postgres://a/b" })[0] ?? "", /needs its primary/);
});

test("trusted proxies are addresses and networks", () => {
  const config = readConfig({ MUSTER_TRUSTED_PROXIES: "10.0.0.7, 172.16.0.0/12,::1" });
  assert.deepEqual(config.trustedProxies, ["10.0.0.7", "172.16.0.0/12", "::1"]);
  assert.deepEqual(readConfig({}).trustedProxies, []);
  assert.deepEqual(problemsOf({ MUSTER_TRUSTED_PROXIES: "10.0.0.0/33" }), [
    'MUSTER_TRUSTED_PROXIES: "10.0.0.0/33" is no address and no network',
  ]);
  assert.equal(problemsOf({ MUSTER_TRUSTED_PROXIES: "everybody" }).length, 1);
});

test(".env.example is what the schema says and is a valid environment", () => {
  const text = readFileSync(new URL("../../.env.example", import.meta.url), "utf8");
  assert.equal(text, renderEnvExample());
  assert.deepEqual(readConfig(parseEnv(text), "/srv"), readConfig({}, "/srv"));
  for (const { name } of environmentVariables) assert.ok(text.includes(`${name}=`), name);
});
