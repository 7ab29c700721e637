import assert from "node:assert/strict";
import { test } from "node:test";
import { createCallContext, createLogger } from "#metrics";

function collect(context = createCallContext()) {
  const lines: string[] = [];
  const logger = createLogger({
    level: "info",
    context,
    bindings: { role: "all" },
    destination: { write: (line) => void lines.push(line) },
  });
  return { logger, lines, context };
}

test("no secret reaches a line, by name at any depth or by its look", () => {
  const { logger, lines } = collect();
  const secrets = ["mst_abcdefgh12345678", "sk-ant-abcdefgh1234", "hunter2-hunter2", "s3ssion-value", "dbpassw0rd"];
  logger.info(
    {
      req: { headers: { authorization: `Bearer ${secrets[0]}`, cookie: `session=${secrets[3]}` } },
      body: { account: { password: secrets[2], apiKey: secrets[1], list: [{ api_key: secrets[1] }] } },
    },
    `refused key ${secrets[1]}`,
  );
  const cause = new Error(`postgres://muster:${secrets[4]}@db:5432/muster refused`);
  logger.error({ err: new Error(`Incorrect API key provided: ${secrets[1]}`, { cause }) });
  logger.child({ token: secrets[0] }).info("child");
  const text = lines.join("");
  assert.equal(lines.length, 3);
  for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} in ${text}`);
  for (const line of lines) JSON.parse(line);
});

test("counts of tokens are not secrets", () => {
  const { logger, lines } = collect();
  logger.info({ inputTokens: 12, outputTokens: 7, maxOutputTokens: 9, keyset: "abc" });
  assert.match(lines[0] ?? "", /"inputTokens":12,"outputTokens":7/);
});

test("the ids of the surrounding call stand in every line", async () => {
  const { logger, lines, context } = collect();
  await context.run({ requestId: "r1" }, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    context.run({ executionId: "e1" }, () => logger.info("inside"));
  });
  logger.info("outside");
  const [inside, outside] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(inside?.requestId, "r1");
  assert.equal(inside?.executionId, "e1");
  assert.equal(inside?.role, "all");
  assert.equal(inside?.level, "info");
  assert.equal(outside?.requestId, undefined);
});
