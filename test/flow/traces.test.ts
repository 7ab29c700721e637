import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { readConfig } from "#config";
import { uuidv7 } from "#db";
import { createApiKey } from "#domain";
import { type Muster, startMuster } from "#main";
import { createTestDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

interface SentSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  role: string;
  attributes: Record<string, unknown>;
}

interface Otlp {
  resourceSpans: {
    resource: { attributes: OtlpAttribute[] };
    scopeSpans: { spans: (Omit<SentSpan, "attributes" | "role"> & { attributes: OtlpAttribute[] })[] }[];
  }[];
}
type OtlpAttribute = { key: string; value: Record<string, unknown> };

const plain = (attributes: OtlpAttribute[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

/** A collector on the loopback that keeps the spans it was sent, with the role of who sent them. */
async function startCollector() {
  const spans: SentSpan[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString()) as Otlp;
      for (const { resource, scopeSpans } of resourceSpans) {
        const role = String(plain(resource.attributes)["muster.role"]);
        for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
          spans.push({ ...span, role, attributes: plain(span.attributes) });
        }
      }
      response.writeHead(200).end("{}");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, spans, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** An API and a worker that meet only in the database, a user with a key, and a collector. */
async function startTraced(t: { after(hook: () => Promise<void>): void }) {
  const collector = await startCollector();
  const database = await createTestDatabase();
  const folder = temporaryFolder();
  const start = (role: string): Promise<Muster> =>
    startMuster(
      readConfig({
        DATABASE_URL: database.url,
        MUSTER_DATA_DIR: folder.path,
        MUSTER_ROLE: role,
        PORT: "0",
        LOG_LEVEL: "silent",
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      }),
    );
  const api = await start("api");
  const worker = await start("worker");
  // Stopping sends what is left of the traces.
  const stop = async () => {
    await api.stop();
    await worker.stop();
  };
  t.after(async () => {
    await stop();
    collector.server.close();
    await database.drop();
    await folder.remove();
  });
  const userId = uuidv7();
  await database.db.query(
    "test_user_create",
    "INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, $2, 'Traced', '!', 'owner')",
    [userId, `traced-${userId}@example.org`],
  );
  const { token } = await createApiKey(database.db, { userId }, "test");
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${api.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body ? { "content-type": "application/json" } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
    return text;
  };
  return { collector, call, stop };
}

test("one trace leads from the request over the queue and the worker of another process to each LLM call", async (t) => {
  const { collector, call, stop } = await startTraced(t);
  const members = [
    { name: "Lead", role: "project-manager", isLead: true, model: "muster/offline" },
    { name: "Analyst", role: "analyst", isLead: false, model: "muster/offline" },
  ];
  const squad = { name: "Traced", process: "sequential", members };
  const { squad: made } = JSON.parse(await call("POST", "/api/v1/squads", squad)) as { squad: { id: string } };
  const task = { title: "Name the risks", description: "The pool is small. The queue is durable.", squadId: made.id };
  const { task: asked } = JSON.parse(await call("POST", "/api/v1/tasks", task)) as { task: { id: string } };
  const started = JSON.parse(await call("POST", `/api/v1/tasks/${asked.id}/executions`, {})) as {
    execution: { id: string };
  };
  // The stream ends after the execution's last event.
  assert.match(await call("GET", `/api/v1/executions/${started.execution.id}/events`), /"status":"completed"/);
  await stop();

  const http = collector.spans.find(({ name }) => name === "POST /api/v1/tasks/:taskId/executions");
  assert.ok(http, collector.spans.map(({ name }) => name).join());
  assert.deepEqual([http.kind, http.role, http.parentSpanId], [2, "api", undefined]);
  assert.equal(http.attributes["http.route"], "/api/v1/tasks/:taskId/executions");
  assert.equal(Number(http.attributes["http.response.status_code"]), 202);

  const trace = collector.spans.filter(({ traceId }) => traceId === http.traceId);
  const executions = trace.filter(({ name }) => name === "execution");
  assert.equal(executions.length, 1);
  const [execution] = executions;
  assert.deepEqual([execution?.kind, execution?.role, execution?.parentSpanId], [5, "worker", http.spanId]);
  assert.equal(execution?.attributes["muster.execution.id"], started.execution.id);

  const calls = trace.filter(({ name }) => name.startsWith("chat "));
  assert.equal(calls.length + 2, trace.length, "nothing else is in this trace");
  assert.ok(calls.length >= 2, "each member thinks at least once");
  for (const span of calls) {
    assert.deepEqual([span.kind, span.role, span.parentSpanId], [3, "worker", execution?.spanId]);
    const { attributes } = span;
    assert.equal(attributes["gen_ai.operation.name"], "chat");
    assert.equal(attributes["gen_ai.provider.name"], "offline");
    assert.equal(attributes["gen_ai.request.model"], "muster/offline");
    assert.equal(attributes["gen_ai.conversation.id"], started.execution.id);
    assert.ok(Number(attributes["gen_ai.usage.input_tokens"]) > 0);
    assert.ok(Number(attributes["gen_ai.usage.output_tokens"]) > 0);
  }
  assert.ok(!JSON.stringify(collector.spans).includes("The pool is small"), "no prompt is part of a trace");
});
