import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { Core } from "./compose-core.ts";

/** What watches a worker that serves no API: probes and Prometheus. */
export interface OperationsServer {
  close(): Promise<void>;
}

const readyTimeoutMs = 2_000;

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    "content-type": type,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(body);
}

async function databaseAnswers(core: Core): Promise<boolean> {
  const timeout = new Promise<never>((_resolve, reject) => {
    setTimeout(() => reject(new Error("no answer in time")), readyTimeoutMs).unref();
  });
  try {
    await Promise.race([core.db.query("ready", "SELECT 1"), timeout]);
    return true;
  } catch (error) {
    core.logger.warn({ err: error }, "not ready: the database does not answer");
    return false;
  }
}

/**
 * `/health/live`, `/health/ready` and `/metrics` of a process with the role worker, on HOST and PORT like those of the API.
 * A port that is taken (several processes on one machine with one PORT) is a warning, not an end: the work goes on unwatched.
 */
export async function startOperationsServer(core: Core): Promise<OperationsServer> {
  const answer = async (path: string, response: ServerResponse): Promise<void> => {
    if (path === "/health/live") send(response, 200, "application/json", '{"status":"ok"}');
    else if (path === "/metrics") send(response, 200, core.metrics.contentType, await core.metrics.text());
    else if (path === "/health/ready") {
      const ok = await databaseAnswers(core);
      const body = JSON.stringify({ status: ok ? "ok" : "unavailable", checks: { database: { ok } } });
      send(response, ok ? 200 : 503, "application/json", body);
    } else send(response, 404, "text/plain", "This process works executions; the API is elsewhere.\n");
  };
  const server = createServer((request, response) => {
    answer(new URL(request.url ?? "/", "http://worker").pathname, response).catch((error: unknown) => {
      core.logger.error({ err: error }, "an operations page failed");
      response.destroy();
    });
  });
  server.requestTimeout = 10_000;
  server.listen(core.config.port, core.config.host);
  try {
    await once(server, "listening");
  } catch (error) {
    core.logger.warn({ err: error }, "no health and metrics pages for this worker: set another PORT");
    return { close: () => Promise.resolve() };
  }
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
