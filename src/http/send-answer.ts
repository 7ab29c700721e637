import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { acceptedEncodings, compressFromBytes, type Encoding, toGzip } from "./encodings.ts";
import { apiHeaders } from "./plugins/security-headers.ts";
import { etagOf, type FormsMade, makeGzip, plainOf, prepareBrotli, type StoredAnswer } from "./response-cache.ts";

const json = "application/json; charset=utf-8";

/** The answer to a GET as bytes with its entity tag. */
export function toStoredAnswer(value: unknown): StoredAnswer {
  const identity = Buffer.from(JSON.stringify(value));
  return { etag: etagOf(identity), contentType: json, length: identity.length, identity, headers: {} };
}

/** True when the client has this representation already (RFC 9110, section 13.1.2: weak comparison). */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header === etag || header === "*") return true;
  const opaque = etag.replace(/^W\//, "");
  return header.split(",").some((one) => one.trim().replace(/^W\//, "") === opaque);
}

/** Sends kept bytes without passing through Fastify's reply, where everything else would cost more than the answer. */
export function sendStored(request: FastifyRequest, reply: FastifyReply, answer: StoredAnswer): number {
  reply.hijack();
  return writeStored(request.raw, reply.raw, answer);
}

/** Writes kept bytes: the compressed form that is there, or 304. Returns the status. No form may be missing (`isFormMissing`). */
export function writeStored(request: IncomingMessage, response: ServerResponse, answer: StoredAnswer): number {
  const { headers } = request;
  if (matchesEtag(headers["if-none-match"], answer.etag)) {
    response.writeHead(304, headersOf(answer, "notModified"));
    response.end();
    return 304;
  }
  const encoding = chooseEncoding(headers["accept-encoding"], answer);
  const bytes = encoding === "br" ? answer.br : encoding === "gzip" ? answer.gzip : answer.identity;
  response.writeHead(200, headersOf(answer, encoding));
  response.end(request.method === "HEAD" ? undefined : bytes);
  return 200;
}

function chooseEncoding(header: string | undefined, answer: StoredAnswer): Encoding {
  if (answer.length < compressFromBytes) return "identity";
  const accepted = acceptedEncodings(header);
  if (accepted.br && answer.br) return "br";
  return accepted.gzip && answer.gzip ? "gzip" : "identity";
}

/** True when nobody has made the form so far that this client should be sent. */
export function isFormMissing({ headers }: IncomingMessage, answer: StoredAnswer): boolean {
  if (answer.length < compressFromBytes) return false;
  const accepted = acceptedEncodings(headers["accept-encoding"]);
  if (accepted.br && answer.br) return false;
  if (accepted.gzip ? answer.gzip : answer.identity) return false;
  return !matchesEtag(headers["if-none-match"], answer.etag);
}

/** Names and values in turn: what Node writes with the least work. */
function headersOf(answer: StoredAnswer, form: Encoding | "notModified"): string[] {
  const known = answer.headers[form];
  if (known) return known;
  const headers = [
    "cache-control",
    "private, no-cache",
    "vary",
    "Accept-Encoding, Authorization, Cookie",
    "etag",
    answer.etag,
  ];
  // A 304 updates the headers of the answer that the client has; those that never change need not come again (RFC 9110, section 15.4.5).
  if (form !== "notModified") {
    const bytes = form === "br" ? answer.br : form === "gzip" ? answer.gzip : answer.identity;
    headers.push("content-type", answer.contentType, "content-length", String(bytes?.length ?? 0));
    if (form !== "identity") headers.push("content-encoding", form);
    for (const [name, value] of Object.entries(apiHeaders)) headers.push(name, value);
  }
  answer.headers[form] = headers;
  return headers;
}

/**
 * The answer with the form that this client takes, made where it is missing: only then there is something to wait for, and what
 * is sent at once cannot lose its form meanwhile. The Brotli form of what is asked for again is made aside, for those who come later.
 */
export function prepareEncodings(
  request: FastifyRequest,
  answer: StoredAnswer,
  options: FormsMade & { kept: boolean; again: boolean },
): StoredAnswer | Promise<StoredAnswer> {
  if (answer.length < compressFromBytes) return answer;
  const accepted = acceptedEncodings(request.headers["accept-encoding"]);
  if (options.again && accepted.br && !answer.br) prepareBrotli(answer, options);
  if (!isFormMissing(request.raw, answer)) return answer;
  return makeForm(answer, accepted.gzip, options);
}

async function makeForm(
  answer: StoredAnswer,
  takesGzip: boolean,
  { kept, onMade }: { kept: boolean; onMade: () => void },
): Promise<StoredAnswer> {
  // For this client alone: what is kept stays as small as it is.
  if (!takesGzip) return { ...answer, identity: await plainOf(answer) };
  await makeGzip(answer, kept ? 6 : 1);
  onMade();
  return answer;
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
