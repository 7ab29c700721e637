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
  bill(outcome: "complete" | "refused"): void;
  /** The answer was begun, but is not whole. */
  cut(sent: Sent): void;
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
    bill(outcome) {
      const free = { inputTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, outputTokens: 0 };
      const bill = { ...prepared.bill, ...(outcome === "refused" ? free : {}) };
      record({ requestIndex, ...bill, outcome, reported: outcome === "complete" });
    },
    cut({ tokens, reports = 0 }) {
      const outputTokens = reports === "all" ? prepared.bill.outputTokens : Math.max(tokens, reports);
      record({ requestIndex, ...prepared.bill, outputTokens, outcome: "cut", reported: reports === "all" });
    },
  };
  const waitMs =
    (options.latencyMs ?? 0) + (scripted.delayMs ?? 0) + (fault?.kind === "slow-first-byte" ? fault.delayMs : 0);
  // Nobody is kept waiting at the end of a test for an answer that nobody waits for.
  if (waitMs > 0) await delay(waitMs, undefined, { ref: false });
  if (response.destroyed) {
    // The client left before a byte of the answer.
    exchange.bill("refused");
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
  exchange.bill("refused");
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
      exchange.bill("refused");
      response.writeHead(fault.status, { "content-type": "text/html", ...exchange.headers, ...fault.headers });
      response.end("<html><body>Bad gateway</body></html>");
      return true;
    case "close-early":
      exchange.bill("refused");
      response.socket?.destroy();
      return true;
    case "garbage":
      exchange.bill("refused");
      response.socket?.end("SSH-2.0-OpenSSH_9.9\r\n");
      return true;
    case "silence":
      exchange.bill("refused");
      return true;
    case "headers-then-silence":
      exchange.cut(new Sent());
      response.writeHead(200, {
        "content-type": exchange.prepared.stream === null ? "application/json" : "text/event-stream",
      });
      response.flushHeaders();
      return true;
    case "wrong-body":
      exchange.cut(new Sent());
      response.writeHead(200, { "content-type": fault.contentType, ...exchange.headers });
      response.end(fault.body);
      return true;
    default:
      return false;
  }
}

/** What was sent so far, for the bill. */
class Sent {
  tokens = 0;
  reports: StreamPiece["reports"] = 0;

  add(piece: StreamPiece): void {
    this.tokens += piece.tokens;
    this.reports = piece.reports ?? this.reports;
  }
}

/** How many tokens of the answer go out before it breaks; more than it has when it does not break there. */
function cutOf(fault: Fault | null): number {
  return fault !== null && "pieces" in fault ? fault.pieces : Number.POSITIVE_INFINITY;
}

/** Sends an answer that is one body; the announced length is kept where only the content is wrong. */
async function sendJson(exchange: Exchange): Promise<void> {
  const { response, fault, prepared } = exchange;
  const whole = Buffer.from(prepared.json.map(({ bytes }) => bytes).join(""));
  const length = fault?.kind === "end" || fault?.kind === "error-event" ? {} : { "content-length": whole.length };
  response.writeHead(200, { "content-type": "application/json", ...length, ...exchange.headers });
  if (fault !== null && ("pieces" in fault || fault.kind === "no-terminal")) {
    breakJson(exchange, fault, whole);
    return;
  }
  if (fault?.kind === "one-byte-chunks") await sendBytes(response, whole);
  else response.write(whole);
  response.end();
  exchange.bill("complete");
}

function breakJson(exchange: Exchange, fault: Fault, whole: Buffer): void {
  const { response, prepared } = exchange;
  const sent = new Sent();
  let text = "";
  for (const piece of prepared.json) {
    if (piece.tokens > 0 && sent.tokens >= cutOf(fault)) break;
    text += piece.bytes;
    sent.add(piece);
  }
  const part = fault.kind === "no-terminal" ? whole.subarray(0, -1) : Buffer.from(text);
  const left = whole.length - part.length;
  exchange.cut(fault.kind === "error-event" ? new Sent() : sent);
  switch (fault.kind) {
    case "error-event":
      response.end(exchange.format.error(200, fault.type, undefined, fault.message));
      return;
    case "idle":
    case "endless":
      response.write(part);
      return;
    case "end":
      response.end(part);
      return;
    case "broken-json":
      // Ends the text that it is in.
      response.end(Buffer.concat([part, Buffer.from('"'.padEnd(left, "{"))]));
      return;
    case "cut-character":
      response.end(Buffer.concat([part, Buffer.alloc(left, 0xe2)]));
      return;
    default:
      // After what was written has left.
      response.write(part, () => response.socket?.resetAndDestroy());
  }
}

async function sendBytes(response: ServerResponse, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    response.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function sendStream(exchange: Exchange, stream: { pieces: StreamPiece[]; terminal: string }): Promise<void> {
  const { response, fault } = exchange;
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    ...exchange.headers,
  });
  const sent = new Sent();
  let together = "";
  for (const piece of stream.pieces) {
    if (response.destroyed || (piece.tokens > 0 && sent.tokens >= cutOf(fault))) {
      await breakStream(exchange, sent);
      return;
    }
    together += await sendPiece(exchange, piece.bytes);
    sent.add(piece);
    if (exchange.pieceDelayMs > 0) await delay(exchange.pieceDelayMs, undefined, { ref: false });
  }
  if (response.destroyed || fault?.kind === "no-terminal") {
    exchange.cut(sent);
    response.end();
    return;
  }
  together += await sendPiece(exchange, stream.terminal);
  if (together !== "") response.write(together);
  exchange.bill("complete");
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
  await sendBytes(response, Buffer.from(text));
  return "";
}

async function breakStream(exchange: Exchange, sent: Sent): Promise<void> {
  const { response, fault, format } = exchange;
  exchange.cut(sent);
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
        await delay(fault.everyMs, undefined, { ref: false });
      }
      return;
    default:
  }
}
