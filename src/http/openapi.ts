import type { TObject, TSchema } from "typebox";
import { Problem } from "#contracts";
import type { AnyRoute } from "./route.ts";

/** The OpenAPI 3.1 document of a route table. TypeBox schemas are JSON Schema 2020-12, so they stand in it as they are. */
export function buildOpenApi(routes: readonly AnyRoute[], version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}").replace(/\*$/, "{path}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Muster",
      version,
      description: "Squads of AI agents. Errors are RFC 9457 problem documents; every write takes Idempotency-Key.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: [...new Set(routes.map((route) => route.tag))].sort().map((name) => ({ name })),
    paths,
    components: {
      schemas: { Problem },
      securitySchemes: {
        apiKey: { type: "http", scheme: "bearer", description: "An API key: mst_…" },
        session: { type: "apiKey", in: "cookie", name: "__Host-muster_session" },
      },
    },
  };
}

function operation(route: AnyRoute): Record<string, unknown> {
  const success = String(route.status ?? (route.answer === null && !route.stream ? 204 : 200));
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    security: security(route),
    parameters: [
      ...parameters(route.params, "path"),
      ...parameters(route.query, "query"),
      ...(route.method !== "GET" && route.idempotency !== "none" && route.policy !== "public" ? [idempotencyKey] : []),
    ],
    ...(route.body
      ? { requestBody: { required: hasRequired(route.body), content: { "application/json": { schema: route.body } } } }
      : {}),
    responses: {
      [success]: {
        description: route.summary,
        ...(route.stream
          ? { content: { [route.stream]: { schema: route.answer ?? { type: "string" } } } }
          : route.answer
            ? { content: { "application/json": { schema: route.answer } } }
            : {}),
      },
      default: {
        description: "A problem document",
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    },
  };
}

const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "Same key and body: same answer for 24 hours, done once",
  schema: { type: "string", minLength: 1, maxLength: 255 },
};

function security(route: AnyRoute): Record<string, string[]>[] {
  if (route.policy === "public") return [];
  return route.policy === "session" ? [{ session: [] }] : [{ session: [] }, { apiKey: [] }];
}

function hasRequired(body: TObject): boolean {
  return (body.required ?? []).length > 0;
}

function parameters(schema: TObject | undefined, place: "path" | "query"): Record<string, unknown>[] {
  return Object.entries((schema?.properties ?? {}) as Record<string, TSchema & { description?: string }>).map(
    ([name, property]) => ({
      name: name === "*" ? "path" : name,
      in: place,
      required: place === "path" || ((schema?.required ?? []) as string[]).includes(name),
      ...(property.description === undefined ? {} : { description: property.description }),
      schema: property,
    }),
  );
}
