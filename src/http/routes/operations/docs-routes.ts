import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { AppError, errorTable, object } from "#contracts";
import { acceptedEncodings, compressFromBytes, toGzip } from "../../encodings.ts";
import { apiHeaders } from "../../plugins/security-headers.ts";
import { etagOf } from "../../response-cache.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";
import { matchesEtag } from "../../send-answer.ts";

const tag = "operations";
/** Swagger UI sets styles and shows its icons from data: addresses; its scripts are files of ours. */
const csp =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const types = { js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8" };
const assets: Record<string, string> = { "swagger-ui.css": types.css, "swagger-ui-bundle.js": types.js };

const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Muster API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><main id="swagger-ui"></main><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>`;
const start = `SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, tryItOutEnabled: false });`;

/** The browsable description of the API and of its errors. */
export function docsRoutes(): AnyRoute[] {
  const kept = new Map<string, { plain: Buffer; gzip: Buffer }>();
  const folder = dirname(fileURLToPath(import.meta.resolve("@fastify/swagger-ui/package.json")));

  async function asset(name: string): Promise<{ plain: Buffer; gzip: Buffer }> {
    const known = kept.get(name);
    if (known) return known;
    const plain = await readFile(join(folder, "static", name));
    const made = { plain, gzip: await toGzip(plain, 6) };
    kept.set(name, made);
    return made;
  }

  return [
    defineRoute({
      method: "GET",
      path: "/docs",
      operationId: "readDocs",
      tag,
      summary: "The API to browse",
      policy: "public",
      answer: null,
      stream: "text/html",
      handle: async ({ request, reply }) => {
        await sendPage(request, reply, page);
        return undefined;
      },
    }),
    defineRoute({
      method: "GET",
      path: "/docs/errors",
      operationId: "readErrorDocs",
      tag,
      summary: "The codes of problem documents",
      policy: "public",
      answer: null,
      stream: "text/html",
      handle: async ({ request, reply }) => {
        await sendPage(request, reply, errorPage());
        return undefined;
      },
    }),
    defineRoute({
      method: "GET",
      path: "/docs/:asset",
      operationId: "readDocsAsset",
      tag,
      summary: "Script and style of the page",
      policy: "public",
      params: object({ asset: Type.String({ maxLength: 100 }) }),
      answer: null,
      stream: "text/plain",
      handle: async ({ params, request, reply }) => {
        reply.headers({ ...apiHeaders, "content-security-policy": csp, "cache-control": "public, max-age=3600" });
        if (params.asset === "start.js") {
          reply.type(types.js).send(start);
          return undefined;
        }
        const type = Object.hasOwn(assets, params.asset) ? assets[params.asset] : undefined;
        if (type === undefined) throw new AppError("not_found", "There is nothing at this address.");
        const { plain, gzip } = await asset(params.asset);
        reply.type(type).header("vary", "Accept-Encoding");
        if (acceptedEncodings(request.headers["accept-encoding"]).gzip) {
          reply.header("content-encoding", "gzip").send(gzip);
        } else {
          reply.send(plain);
        }
        return undefined;
      },
    }),
  ];
}

async function sendPage(request: FastifyRequest, reply: FastifyReply, html: string): Promise<void> {
  const bytes = Buffer.from(html);
  const etag = etagOf(bytes);
  reply.headers({ ...apiHeaders, "content-security-policy": csp, "cache-control": "no-cache", etag });
  reply.header("vary", "Accept-Encoding").type("text/html; charset=utf-8");
  const { "if-none-match": known, "accept-encoding": accepted } = request.headers;
  if (matchesEtag(known, etag)) return void reply.code(304).send();
  if (bytes.length < compressFromBytes || !acceptedEncodings(accepted).gzip) return void reply.send(bytes);
  reply.header("content-encoding", "gzip").send(await toGzip(bytes, 6));
}

function errorPage(): string {
  const rows = Object.entries(errorTable)
    .map(
      ([code, { status, title }]) =>
        `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td></tr>`,
    )
    .join("");
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Errors of the Muster API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,"></head>
<body><main><h1>Errors</h1><p>Every error is a problem document (RFC 9457) with one of these codes.</p>
<table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th></tr></thead><tbody>${rows}</tbody></table></main></body></html>`;
}
