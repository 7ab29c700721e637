import { Type } from "typebox";
import { Health, PerformanceReport, WebVitalsBody } from "#contracts";
import { checkDatabase, recordWebVitals, summarizeWebVitals, type WebVitalSummary } from "#domain";
import { mergeSnapshots } from "#metrics";
import { buildOpenApi } from "../../openapi.ts";
import { apiHeaders } from "../../plugins/security-headers.ts";
import type { StoredAnswer } from "../../response-cache.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";
import { prepareEncodings, sendStored, toStoredAnswer } from "../../send-answer.ts";

const tag = "operations";

/** What operates Muster: health, metrics, the API's description, measurements. */
export function operationRoutes(table: () => readonly AnyRoute[]): AnyRoute[] {
  return [...healthRoutes(), ...descriptionRoutes(table), ...measurementRoutes()];
}

function healthRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/health/live",
      operationId: "readLiveness",
      tag,
      summary: "The process answers",
      policy: "public",
      answer: Health,
      stream: "application/json",
      handle: async ({ reply }) => {
        reply.headers(apiHeaders).header("cache-control", "no-store").send({ status: "ok" });
        return { status: "ok" as const };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/health/ready",
      operationId: "readReadiness",
      tag,
      summary: "The process can do its work; 503 while it cannot",
      policy: "public",
      answer: Health,
      stream: "application/json",
      handle: async ({ db, reply, deps }) => {
        const database = await checkDatabase(db);
        if (!database.ok) deps.logger.warn({ reason: database.detail }, "not ready: the database does not answer");
        const health = {
          status: database.ok ? ("ok" as const) : ("unavailable" as const),
          checks: { database: { ok: database.ok } },
        };
        reply.headers(apiHeaders).header("cache-control", "no-store");
        if (!database.ok) reply.code(503).header("retry-after", "2");
        reply.send(health);
        return health;
      },
    }),
    defineRoute({
      method: "GET",
      path: "/metrics",
      operationId: "readMetrics",
      tag,
      summary: "Prometheus metrics; they name no user",
      policy: "public",
      answer: null,
      stream: "text/plain",
      handle: async ({ deps, reply }) => {
        const others = (await deps.otherProcesses?.()) ?? [];
        const text =
          others.length === 0
            ? await deps.metrics.text()
            : await mergeSnapshots([await deps.metrics.snapshot(), ...others]);
        reply.headers(apiHeaders).header("cache-control", "no-store").type(deps.metrics.contentType).send(text);
        return undefined;
      },
    }),
  ];
}

function descriptionRoutes(table: () => readonly AnyRoute[]): AnyRoute[] {
  let kept: StoredAnswer | undefined;
  return [
    defineRoute({
      method: "GET",
      path: "/openapi.json",
      operationId: "readOpenApi",
      tag,
      summary: "This API as OpenAPI 3.1",
      policy: "public",
      answer: Type.Unknown(),
      stream: "application/json",
      handle: async ({ deps, request, reply }) => {
        kept ??= toStoredAnswer(buildOpenApi(table(), deps.version));
        const onError = (error: unknown): void =>
          deps.logger.warn({ err: error }, "the API's description could not be compressed");
        sendStored(
          request,
          reply,
          await prepareEncodings(request, kept, { kept: true, again: true, onMade: () => undefined, onError }),
        );
        return undefined;
      },
    }),
  ];
}

function measurementRoutes(): AnyRoute[] {
  let vitals: WebVitalSummary[] = [];
  return [
    defineRoute({
      method: "POST",
      path: "/api/v1/vitals",
      operationId: "recordWebVitals",
      tag,
      summary: "Takes in what a page view felt like",
      policy: "public",
      idempotency: "none",
      body: WebVitalsBody,
      answer: null,
      handle: async ({ db, caller, body, deps }) => {
        for (const vital of body.vitals) deps.metrics.observeWebVital(vital);
        await recordWebVitals(db, caller?.userId ?? null, body.vitals);
        return undefined;
      },
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/performance",
      operationId: "readPerformance",
      tag,
      summary: "Every target beside its live figure",
      policy: "user",
      answer: PerformanceReport,
      handle: async ({ db, deps }) => {
        const others = (await deps.otherProcesses?.()) ?? [];
        try {
          vitals = await summarizeWebVitals(db);
        } catch (error) {
          // A database in trouble is what the other figures explain: they are shown with the vitals that could be read last.
          deps.logger.warn({ err: error }, "the stored web vitals could not be read");
        }
        return deps.metrics.performance(
          others.map((other) => other.live),
          vitals,
        );
      },
    }),
  ];
}
