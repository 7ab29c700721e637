import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { type LedgerEntry, resolveAnswer } from "./answers.ts";
import type { Fault } from "./faults.ts";
import type { PreparedAnswer, RecordedRequest, StreamPiece, WireFormat, WireServerOptions } from "./wire-server.ts";

interface Exchange {
  format: WireFormat;
  fault: Fault | null;
  prepared: PreparedAnswer;
  request: RecordedRequest;
  response: ServerResponse;
  pieceDelayMs: number;
  headers: Record<string, string>;
  bill(outcome: LedgerEntry["outcome"], outputTokens: number): void;
}

/** Answers one request of the answering endpoint, with whatever the fault plan makes of it. */
export async function answer(
  format: WireFormat,
  options: WireServerOptions,
  request: RecordedRequest,
  response: ServerResponse,
  requestIndex: number,
  recent: number,
  record: (entry: LedgerEntry) => void,
): Promise<void> {
  const fault =
    (typeof options.faults === "function" ? options.faults(requestIndex, request.body) : options.faults) ?? null;
  const scripted = await resolveAnswer(options.script, request.body, requestIndex);
  const prepared = format.prepare(request.body, scripted, requestIndex, options, fault?.kind === "no-usage");
  const extra = typeof options.headers === "function" ? options.headers(requestIndex) : options.headers;
  const exchange: Exchange = {
    format,
    fault,
    prepared,
    request,
    response,
    pieceDelayMs: options.pieceDelayMs ?? 0,
    headers: { "x-request-id": `req_${requestIndex}`, "request-id": `req_${requestIndex}`, ...extra },
    bill(outcome, outputTokens) {
      const billed = outcome === "refused" ? { inputTokens: 0, cachedTokens: 0, cacheWriteTokens: 0 } : {};
      record({ requestIndex, ...prepared.bill, ...billed, outputTokens, outcome });
    },
  };
  const waitMs =
    (options.latencyMs ?? 0) + (scripted.delayMs ?? 0) + (fault?.kind === "slow-first-byte" ? fault.delayMs : 0);
  if (waitMs > 0) await delay(waitMs);
  if (response.destroyed) {
    // The client left before a byte of the answer.
    exchange.bill("refused", 0);
    return;
  }
  const over = options.rateLimit !== undefined && recent > options.rateLimit.requests;
  const refusal = over
    ? { status: 429, type: "rate_limit_error", code: "rate_limit_exceeded", message: "Rate limit reached" }
    : format.refuse(request, options);
  if (refusal !== null) {
    const headers = over ? { "retry-after": String(Math.ceil((options.rateLimit?.windowMs ?? 0) / 1000)) } : {};
    refuse(exchange, { kind: "status", ...refusal, headers });
  } else if (fault !== null && beforeAnswer(exchange, fault)) {
    return;
  } else if (prepared.stream !== null) {
    await sendStream(exchange, prepared.stream);
  } else {
    await sendJson(exchange);
  }
}

function refuse(exchange: Exchange, fault: Extract<Fault, { kind: "status" }>): void {
  exchange.bill("refused", 0);
  exchange.response.writeHead(fault.status, {
    "content-type": "application/json",
    ...exchange.headers,
    ...fault.headers,
  });
  exchange.response.end(
    exchange.format.error(fault.status, fault.type, fault.code, fault.message ?? "Refused by the test"),
  );
}

/** Faults that replace the answer. True when the exchange is over (or silent for good). */
function beforeAnswer(exchange: Exchange, fault: Fault): boolean {
  const { response } = exchange;
  switch (fault.kind) {
    case "status":
      refuse(exchange, fault);
      return true;
    case "page":
      exchange.bill("refused", 0);
      response.writeHead(fault.status, { "content-type": "text/html", ...exchange.headers, ...fault.headers });
      response.end("<html><body>Bad gateway</body></html>");
      return true;
    case "close-early":
      exchange.bill("refused", 0);
      response.socket?.destroy();
      return true;
    case "garbage":
      exchange.bill("refused", 0);
      response.socket?.end("SSH-2.0-OpenSSH_9.9\r\n");
      return true;
    case "silence":
      exchange.bill("refused", 0);
      return true;
    case "headers-then-silence":
      exchange.bill("cut", 0);
      response.writeHead(200, {
        "content-type": exchange.prepared.stream === null ? "application/json" : "text/event-stream",
      });
      response.flushHeaders();
      return true;
    case "wrong-body":
      exchange.bill("cut", 0);
      response.writeHead(200, { "content-type": fault.contentType, ...exchange.headers });
      response.end(fault.body);
      return true;
    default:
      return false;
  }
}

/** How a non-streaming answer breaks: `pieces` counts tens of bytes of its body. */
async function sendJson(exchange: Exchange): Promise<void> {
  const { response, fault, prepared } = exchange;
  const body = Buffer.from(prepared.json);
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length, ...exchange.headers });
  const part =
    fault !== null && "pieces" in fault
      ? body.subarray(0, Math.min(body.length - 2, fault.pieces * 10))
      : body.subarray(0, 20);
  switch (fault?.kind) {
    case "idle":
    case "endless":
      exchange.bill("cut", 0);
      response.write(part);
      return;
    case "reset":
    case "end":
    case "no-terminal":
      exchange.bill("cut", 0);
      response.write(part, () => response.socket?.resetAndDestroy());
      return;
    case "broken-json":
    case "cut-character":
      exchange.bill("cut", 0);
      // The announced length is kept, so that only the content is wrong.
      response.end(
        Buffer.concat([part, Buffer.alloc(body.length - part.length, fault.kind === "cut-character" ? 0xe2 : 0x7b)]),
      );
      return;
    case "one-byte-chunks":
      for (const byte of body) {
        response.write(Buffer.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      break;
    default:
      response.write(body);
  }
  response.end();
  exchange.bill("complete", prepared.bill.outputTokens);
}

const cutFaults = new Set(["idle", "reset", "end", "broken-json", "cut-character", "error-event", "endless"]);

async function sendStream(exchange: Exchange, stream: { pieces: StreamPiece[]; terminal: string }): Promise<void> {
  const { response, fault } = exchange;
  const cut =
    fault !== null && cutFaults.has(fault.kind) && "pieces" in fault ? fault.pieces : Number.POSITIVE_INFINITY;
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    ...exchange.headers,
  });
  let tokens = 0;
  let sent = 0;
  let together = "";
  for (const piece of stream.pieces) {
    if (tokens >= cut) break;
    if (response.destroyed) break;
    together += await sendPiece(exchange, piece.bytes);
    tokens += piece.tokens;
    sent += 1;
    if (exchange.pieceDelayMs > 0) await delay(exchange.pieceDelayMs);
  }
  if (response.destroyed || sent < stream.pieces.length) {
    await breakStream(exchange, tokens);
    return;
  }
  if (fault?.kind === "no-terminal") {
    exchange.bill("cut", tokens);
    response.end();
    return;
  }
  together += await sendPiece(exchange, stream.terminal);
  if (together !== "") response.write(together);
  exchange.bill("complete", exchange.prepared.bill.outputTokens);
  if (fault?.kind === "hang-after-terminal") return;
  if (fault?.kind === "garbage-after-terminal") response.write("data: {not json\n\n");
  response.end();
}

/** Writes one event, or returns it when the fault wants all in one chunk. */
async function sendPiece(exchange: Exchange, bytes: string): Promise<string> {
  const { response, fault } = exchange;
  if (fault?.kind === "one-chunk") return bytes;
  let text = bytes;
  if (fault?.kind === "crlf") text = bytes.replaceAll("\n", "\r\n");
  if (fault?.kind === "comments") text = `: keep-alive\n\n${bytes}`;
  if (fault?.kind === "unknown-events") text = `event: novelty\ndata: {"type":"novelty","choices":[]}\n\n${bytes}`;
  if (fault?.kind !== "one-byte-chunks") {
    response.write(text);
    return "";
  }
  for (const byte of Buffer.from(text)) {
    response.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return "";
}

async function breakStream(exchange: Exchange, tokens: number): Promise<void> {
  const { response, fault, format } = exchange;
  exchange.bill("cut", tokens);
  switch (fault?.kind) {
    case "reset":
      // After what was written has left.
      response.write(": \n\n", () => response.socket?.resetAndDestroy());
      return;
    case "end":
      response.end();
      return;
    case "broken-json":
      response.write('data: {"id":"cut\n\n');
      response.end();
      return;
    case "cut-character":
      response.write(Buffer.concat([Buffer.from('data: {"text":"'), Buffer.of(0xe2, 0x82)]));
      response.end();
      return;
    case "error-event":
      response.write(format.errorEvent(fault.type, fault.message));
      response.end();
      return;
    case "endless":
      while (!response.destroyed) {
        response.write(": ping\n\n");
        await delay(fault.everyMs);
      }
      return;
    default:
  }
}
