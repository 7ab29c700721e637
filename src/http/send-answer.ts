import type { FastifyReply, FastifyRequest } from "fastify";
import { acceptedEncodings, compressFromBytes, type Encoding, toGzip } from "./encodings.ts";
import { apiHeaders } from "./plugins/security-headers.ts";
import { etagOf, prepareBrotli, type StoredAnswer } from "./response-cache.ts";

const json = "application/json; charset=utf-8";

/** The answer to a GET as bytes with its entity tag. */
export function toStoredAnswer(value: unknown): StoredAnswer {
  const identity = Buffer.from(JSON.stringify(value));
  return { etag: etagOf(identity), contentType: json, identity, headers: {} };
}

/** True when the client has this representation already (RFC 9110, section 13.1.2: weak comparison). */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header === etag || header === "*") return true;
  const opaque = etag.replace(/^W\//, "");
  return header.split(",").some((one) => one.trim().replace(/^W\//, "") === opaque);
}

/**
 * Sends kept bytes without passing through Fastify's reply: the compressed form that is there, or 304. Used for hits of
 * the response cache, where everything else would cost more than the answer itself.
 */
export function sendStored(request: FastifyRequest, reply: FastifyReply, answer: StoredAnswer): number {
  const { raw } = reply;
  reply.hijack();
  if (matchesEtag(request.headers["if-none-match"], answer.etag)) {
    raw.writeHead(304, headersOf(answer, "notModified"));
    raw.end();
    return 304;
  }
  const encoding = chooseEncoding(request, answer);
  const bytes = encoding === "br" ? answer.br : encoding === "gzip" ? answer.gzip : answer.identity;
  raw.writeHead(200, headersOf(answer, encoding));
  raw.end(request.method === "HEAD" ? undefined : bytes);
  return 200;
}

function chooseEncoding(request: FastifyRequest, answer: StoredAnswer): Encoding {
  if (answer.identity.length < compressFromBytes) return "identity";
  const accepted = acceptedEncodings(request.headers["accept-encoding"]);
  if (accepted.br && answer.br) return "br";
  return accepted.gzip && answer.gzip ? "gzip" : "identity";
}

function headersOf(answer: StoredAnswer, form: Encoding | "notModified"): Record<string, string | number> {
  const known = answer.headers[form];
  if (known) return known;
  const bytes = form === "br" ? answer.br : form === "gzip" ? answer.gzip : answer.identity;
  const headers: Record<string, string | number> = {
    ...apiHeaders,
    "cache-control": "private, no-cache",
    vary: "Accept-Encoding, Authorization, Cookie",
    etag: answer.etag,
  };
  if (form !== "notModified") {
    headers["content-type"] = answer.contentType;
    headers["content-length"] = bytes?.length ?? 0;
    if (form !== "identity") headers["content-encoding"] = form;
  }
  answer.headers[form] = headers;
  return headers;
}

/**
 * Makes the compressed form that this client takes, before the answer is sent for the first time. Brotli of kept answers
 * is made aside, for those who come later.
 */
export async function prepareEncodings(
  request: FastifyRequest,
  answer: StoredAnswer,
  options: { kept: boolean; onError: (error: unknown) => void },
): Promise<void> {
  if (answer.identity.length < compressFromBytes) return;
  const accepted = acceptedEncodings(request.headers["accept-encoding"]);
  if (options.kept && accepted.br) prepareBrotli(answer, options.onError);
  if (accepted.gzip && !answer.gzip) answer.gzip = await toGzip(answer.identity, options.kept ? 6 : 1);
}

/** Sends the JSON answer of a write: never kept, compressed when it is large. */
export async function sendJson(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  value: unknown,
): Promise<void> {
  const text = JSON.stringify(value);
  reply.code(status).headers(apiHeaders).header("cache-control", "no-store").type(json);
  const bytes = Buffer.from(text);
  if (bytes.length >= compressFromBytes && acceptedEncodings(request.headers["accept-encoding"]).gzip) {
    const compressed = await toGzip(bytes, 1);
    reply.header("content-encoding", "gzip").header("vary", "Accept-Encoding");
    reply.send(compressed);
    return;
  }
  reply.send(bytes);
}
