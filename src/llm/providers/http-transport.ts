import { type Dispatcher, Pool } from "undici";
import { LlmError } from "../errors.ts";
import { createGuardedConnector } from "./address-guard.ts";
import type { ProviderTimeouts } from "./provider.ts";

/** Headers as undici gives them: names in lower case. */
export type ResponseHeaders = Record<string, string | string[] | undefined>;

export interface TransportRequest {
  /** Where this goes, for error sentences: "OpenAI", "the server at http://…". */
  label: string;
  origin: string;
  path: string;
  method: "GET" | "POST" | "DELETE";
  headers: Record<string, string>;
  body: string | null;
  allowPrivateAddress: boolean;
  timeouts: ProviderTimeouts;
  /** True: `firstTokenMs` and `idleMs` are watched too; false: only connect and total. */
  stream: boolean;
  signal: AbortSignal;
  /** Called when the request is written to a socket. */
  onSent?: (() => void) | undefined;
}

/** Receives a response. What a method throws ends the exchange with that error and closes the socket. */
export interface ResponseSink {
  onStart(status: number, headers: ResponseHeaders): void;
  onData(chunk: Buffer): void;
  /** True once the first piece of the answer itself was seen; switches from the first-token to the idle time-out. */
  readonly started: boolean;
  /** True once the answer is whole: the exchange then resolves without waiting for the end of the HTTP body. */
  readonly complete: boolean;
}

/** Most bytes one response may have; an endless stream ends here at the latest. */
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;

/**
 * HTTP exchanges with providers on undici's `dispatch`: the cheapest way measured (no streams, no promises per chunk).
 * One pool of sockets per origin; no redirects; every time-out its own error class; abort closes the socket.
 */
export class HttpTransport {
  readonly #pools = new Map<string, Pool>();
  readonly #connectTimeoutMs: number;
  #closed = false;

  constructor(options: { connectTimeoutMs: number }) {
    this.#connectTimeoutMs = options.connectTimeoutMs;
  }

  /** Resolves when the response has ended as HTTP; whether it was whole is the sink's to say. Rejects with `LlmError`. */
  send(request: TransportRequest, sink: ResponseSink): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new LlmError("cancelled", "The gateway is shutting down."));
        return;
      }
      if (request.signal.aborted) {
        reject(cancelled());
        return;
      }
      const exchange = new Exchange(request, sink, resolve, reject);
      exchange.begin(this.#pool(request));
    });
  }

  /** Closes all sockets; running exchanges end as `cancelled`. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy(cancelled())));
  }

  #pool(request: TransportRequest): Pool {
    const key = request.allowPrivateAddress ? `private ${request.origin}` : request.origin;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = new Pool(request.origin, {
        connect: createGuardedConnector({
          allowPrivateAddress: request.allowPrivateAddress,
          connectTimeoutMs: this.#connectTimeoutMs,
        }),
        // Ours are finer and have their own error classes.
        headersTimeout: 0,
        // Only for what follows a terminal event: the exchange is over by then and its own timer gone.
        bodyTimeout: 1_800_000,
        keepAliveTimeout: 15_000,
        pipelining: 1,
      });
      this.#pools.set(key, pool);
    }
    return pool;
  }
}

function cancelled(): LlmError {
  return new LlmError("cancelled", "The call was cancelled.");
}

/** Codes of errors that happen before any byte of the request left. */
const connectCodes = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
]);

function classify(error: Error, request: TransportRequest, responded: boolean): LlmError {
  if (error instanceof LlmError) return error;
  if (error.cause instanceof LlmError) return error.cause;
  const code = (error as { code?: unknown }).code;
  const text = typeof code === "string" ? code : error.message;
  if (code === "UND_ERR_CONNECT_TIMEOUT" || (code === "ETIMEDOUT" && !responded)) {
    return new LlmError("timeout_connect", `No connection to ${request.label} in time.`, { cause: error });
  }
  if (typeof code === "string" && (connectCodes.has(code) || code.startsWith("ERR_TLS") || code.startsWith("CERT_"))) {
    return new LlmError("connect", `No connection to ${request.label} (${text}).`, { cause: error });
  }
  if (error.name === "HTTPParserError") {
    return new LlmError("protocol", `${request.label} did not answer in HTTP (${text}).`, { cause: error });
  }
  return new LlmError("connection_lost", `The connection to ${request.label} broke (${text}).`, { cause: error });
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: TransportRequest;
  readonly #sink: ResponseSink;
  readonly #resolve: () => void;
  readonly #reject: (error: LlmError) => void;
  readonly #startedAt = performance.now();
  #controller: Dispatcher.DispatchController | null = null;
  #timer: NodeJS.Timeout | null = null;
  #lastDataAt = 0;
  #bytes = 0;
  #responded = false;
  #settled = false;

  constructor(request: TransportRequest, sink: ResponseSink, resolve: () => void, reject: (error: LlmError) => void) {
    this.#request = request;
    this.#sink = sink;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(pool: Pool): void {
    const request = this.#request;
    request.signal.addEventListener("abort", this.#onAbort);
    const { firstTokenMs, idleMs, totalMs } = request.timeouts;
    this.#schedule(request.stream ? Math.min(firstTokenMs, idleMs, totalMs) : totalMs);
    try {
      pool.dispatch({ path: request.path, method: request.method, headers: request.headers, body: request.body }, this);
    } catch (error) {
      this.#fail(classify(error as Error, request, false));
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Failed while it waited for a socket: the request must not leave.
    if (this.#settled) controller.abort(cancelled());
    else this.#request.onSent?.();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    if (this.#settled || status < 200) return;
    this.#responded = true;
    this.#lastDataAt = performance.now();
    try {
      this.#sink.onStart(status, headers);
    } catch (error) {
      this.#fail(asProtocolError(error));
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    this.#lastDataAt = performance.now();
    this.#bytes += chunk.length;
    try {
      if (this.#bytes > MAX_RESPONSE_BYTES)
        throw new LlmError("protocol", `${this.#request.label} sent an answer without end.`);
      this.#sink.onData(chunk);
    } catch (error) {
      this.#fail(asProtocolError(error));
      return;
    }
    if (this.#sink.complete && this.#finish()) this.#resolve();
  }

  onResponseEnd(): void {
    if (this.#finish()) this.#resolve();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settled) return;
    this.#fail(classify(error, this.#request, this.#responded));
  }

  #onAbort = (): void => {
    this.#fail(cancelled());
  };

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(this.#onTimer, Math.max(1, Math.min(delayMs, 2_147_483_647)));
  }

  /** One timer an exchange: it looks what is due and sleeps until the next; chunks only leave their time. */
  #onTimer = (): void => {
    const now = performance.now();
    const { timeouts, stream, label } = this.#request;
    const totalLeft = this.#startedAt + timeouts.totalMs - now;
    if (totalLeft <= 0) {
      this.#fail(
        new LlmError("timeout_total", `${label} did not finish its answer within ${timeouts.totalMs / 1000} s.`),
      );
      return;
    }
    let left = totalLeft;
    if (stream && !this.#sink.started) {
      const firstLeft = this.#startedAt + timeouts.firstTokenMs - now;
      if (firstLeft <= 0) {
        this.#fail(
          new LlmError(
            "timeout_first_token",
            `${label} did not begin to answer within ${timeouts.firstTokenMs / 1000} s.`,
          ),
        );
        return;
      }
      left = Math.min(left, firstLeft);
    } else if (stream) {
      const idleLeft = this.#lastDataAt + timeouts.idleMs - now;
      if (idleLeft <= 0) {
        this.#fail(
          new LlmError("timeout_idle", `${label} fell silent for ${timeouts.idleMs / 1000} s within its answer.`),
        );
        return;
      }
      left = Math.min(left, idleLeft);
    }
    // An answer that starts while the first-token timer runs is looked at no later than one idle time-out from now.
    if (stream) left = Math.min(left, timeouts.idleMs);
    this.#schedule(left);
  };

  #finish(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#request.signal.removeEventListener("abort", this.#onAbort);
    return true;
  }

  #fail(error: LlmError): void {
    if (!this.#finish()) return;
    this.#reject(error);
    this.#controller?.abort(error);
  }
}

function asProtocolError(thrown: unknown): LlmError {
  if (thrown instanceof LlmError) return thrown;
  return new LlmError("protocol", "The provider's answer could not be understood.", { cause: thrown });
}
