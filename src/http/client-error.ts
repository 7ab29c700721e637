import { randomUUID } from "node:crypto";
import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { AppError } from "#contracts";
import { apiHeaders } from "./plugins/security-headers.ts";
import { problemOf } from "./problem.ts";

/** Bytes of a request's head that are read at most. */
export const maxHeaderBytes = 16_384;

const known: Record<string, AppError> = {
  ERR_HTTP_REQUEST_TIMEOUT: new AppError("request_timeout", "Headers have 10 seconds to come, the whole request 30."),
  HPE_HEADER_OVERFLOW: new AppError("headers_too_large", `Send at most ${maxHeaderBytes / 1_024} KB of headers.`),
};
const notHttp = new AppError("bad_request", "This is not HTTP/1.1, or the request ended too early.");

/**
 * Answers what never became a request (too slow, too large, no HTTP) with a problem document as everything else, and closes
 * the connection. Where an answer is under way on it already, it is closed without a word: one would land in that answer.
 */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  const { _httpMessage: underWay } = socket as { _httpMessage?: ServerResponse | null };
  if (error.code !== "ECONNRESET" && socket.writable && !underWay?.headersSent) {
    const problem = known[error.code ?? ""] ?? notHttp;
    const body = JSON.stringify(problemOf(problem, randomUUID()));
    const headers = {
      ...apiHeaders,
      "cache-control": "no-store",
      "content-type": "application/problem+json; charset=utf-8",
      "content-length": String(Buffer.byteLength(body)),
      connection: "close",
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    socket.write([`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`, ...lines, "", body].join("\r\n"));
  }
  socket.destroy(error);
}
