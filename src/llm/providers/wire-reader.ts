import { isUtf8 } from "node:buffer";
import { StringDecoder } from "node:string_decoder";
import { createParser, type EventSourceParser } from "eventsource-parser";
import { LlmError } from "../errors.ts";
import type { LlmUsage } from "../types.ts";
import type { ResponseHeaders, ResponseSink } from "./http-transport.ts";
import { readPartialJson } from "./partial-json.ts";
import type { ProviderAnswer, ProviderLimits } from "./provider.ts";

/**
 * What differs between providers' wire formats. Methods throw `LlmError` on what is not the format.
 *
 * Contract: `done` is true only after the format's terminal event; text arrives through the frames given to the
 * constructor of the parser, synchronously.
 */
export interface AnswerParser {
  /** One event of the stream. */
  event(data: string, name: string | undefined): void;
  /** The whole answer, when it came as one JSON body. */
  body(json: unknown): void;
  /** True after the first piece of the answer. */
  readonly started: boolean;
  readonly done: boolean;
  answer(): Omit<ProviderAnswer, "timeToFirstTokenMs">;
  /** What was used as far as it was seen, for a call that broke. */
  seenUsage(): LlmUsage;
  /** Translates an HTTP error. `body` is parsed JSON, or the text where it is not JSON. */
  error(status: number, body: unknown, headers: ResponseHeaders): LlmError;
  limits(headers: ResponseHeaders): ProviderLimits | null;
}

const MAX_ERROR_BYTES = 65_536;
const MAX_EVENT_CHARACTERS = 16 * 1024 * 1024;

/** Feeds one HTTP response to a parser: server-sent events, one JSON body or an error, by status and content type. */
export class WireReader implements ResponseSink {
  readonly #parser: AnswerParser;
  readonly #label: string;
  readonly #onLimits: ((limits: ProviderLimits) => void) | undefined;
  readonly #onAccepted: (() => void) | undefined;
  #mode: "waiting" | "events" | "json" | "error" = "waiting";
  #status = 0;
  #headers: ResponseHeaders = {};
  #chunks: Buffer[] = [];
  #bytes = 0;
  #bodyRead = false;
  #events: EventSourceParser | null = null;
  #decoder: StringDecoder | null = null;

  constructor(
    parser: AnswerParser,
    label: string,
    hooks: { onLimits?: (limits: ProviderLimits) => void; onAccepted?: () => void } = {},
  ) {
    this.#parser = parser;
    this.#label = label;
    this.#onLimits = hooks.onLimits;
    this.#onAccepted = hooks.onAccepted;
  }

  get started(): boolean {
    return this.#parser.started;
  }

  get complete(): boolean {
    return this.#mode === "events" && this.#parser.done;
  }

  /** True once the provider accepted the request: from here on it may be billed. */
  get accepted(): boolean {
    return this.#mode === "events" || this.#mode === "json";
  }

  onStart(status: number, headers: ResponseHeaders): void {
    this.#status = status;
    this.#headers = headers;
    if (this.#onLimits !== undefined) {
      const limits = this.#parser.limits(headers);
      if (limits !== null) this.#onLimits(limits);
    }
    if (status < 200 || status >= 300) {
      this.#mode = "error";
      return;
    }
    this.#onAccepted?.();
    if (String(headers["content-type"] ?? "").startsWith("text/event-stream")) {
      this.#mode = "events";
      this.#decoder = new StringDecoder("utf8");
      this.#events = createParser({
        onEvent: (event) => this.#parser.event(event.data, event.event),
        maxBufferSize: MAX_EVENT_CHARACTERS,
        onError: (error) => {
          if (error.type === "max-buffer-size-exceeded") throw this.#broken(error);
        },
      });
    } else {
      this.#mode = "json";
    }
  }

  onData(chunk: Buffer): void {
    if (this.#mode === "events") {
      this.#events?.feed((this.#decoder as StringDecoder).write(chunk));
      return;
    }
    this.#bytes += chunk.length;
    if (this.#mode === "json" || this.#bytes <= MAX_ERROR_BYTES) this.#chunks.push(chunk);
  }

  /** Call when the response has ended. Throws unless the answer is whole. */
  end(): void {
    if (this.#mode === "events") {
      if (!this.#parser.done) {
        throw new LlmError("protocol", `${this.#label} ended its stream without its terminal event.`);
      }
      return;
    }
    if (this.#mode === "waiting") throw new LlmError("protocol", `${this.#label} sent no answer.`);
    const bytes = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    if (this.#mode === "error") {
      throw this.#parser.error(this.#status, parseLoosely(bytes.toString("utf8")), this.#headers);
    }
    if (!isUtf8(bytes)) throw this.#broken(undefined);
    let json: unknown;
    try {
      json = JSON.parse(bytes.toString("utf8"));
    } catch (error) {
      throw this.#broken(error);
    }
    this.#bodyRead = true;
    this.#parser.body(json);
  }

  /**
   * What was used as far as it was seen, for a call that broke: of a JSON body that is not whole, its beginning counts. The parser
   * hands on the frames of that beginning: they come too late to be shown.
   */
  seenUsage(): LlmUsage {
    if (this.#mode === "json" && !this.#bodyRead) {
      this.#bodyRead = true;
      try {
        this.#parser.body(readPartialJson(readableText(Buffer.concat(this.#chunks)), wholeOnly));
      } catch {
        // What came is not the beginning of an answer: nothing of it counts.
      }
    }
    return this.#parser.seenUsage();
  }

  #broken(cause: unknown): LlmError {
    return new LlmError("protocol", `${this.#label} sent an answer that is not valid JSON.`, {
      cause,
      status: this.#status,
    });
  }
}

/** Half a count would be a wrong bill: it counts only when it came whole. */
const wholeOnly: ReadonlySet<string> = new Set(["usage"]);

/** The text up to the first byte that is none: a character cut at the end, or broken bytes. */
function readableText(bytes: Buffer): string {
  const text = new StringDecoder("utf8").write(bytes);
  return isUtf8(bytes.subarray(0, Buffer.byteLength(text))) ? text : (text.split("\ufffd", 1)[0] as string);
}

function parseLoosely(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Proxies answer errors in HTML or plain text: the text itself is then the best there is.
    return text;
  }
}

/** Parses one event's data. Throws `protocol` for broken JSON. */
export function parseEventJson(data: string, label: string): unknown {
  try {
    return JSON.parse(data);
  } catch (error) {
    throw new LlmError("protocol", `${label} sent an event that is not valid JSON.`, { cause: error });
  }
}

/** A header that stands once. */
export function headerText(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** A header that is a non-negative number; anything else is absent. */
export function headerNumber(headers: ResponseHeaders, name: string): number | undefined {
  const text = headerText(headers, name);
  if (text === undefined || text.trim() === "") return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** `retry-after-ms`, or `Retry-After` in seconds or as an HTTP date (RFC 9110, section 10.2.3), in milliseconds from now. */
export function retryAfterMs(headers: ResponseHeaders, nowMs: number): number | undefined {
  const milliseconds = headerNumber(headers, "retry-after-ms");
  if (milliseconds !== undefined) return milliseconds;
  const seconds = headerNumber(headers, "retry-after");
  if (seconds !== undefined) return seconds * 1000;
  const date = Date.parse(headerText(headers, "retry-after") ?? "");
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
