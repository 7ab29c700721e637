import type { ProviderKind } from "#contracts";
import { LlmError } from "../errors.ts";
import { readAnthropicError, readAnthropicLimits } from "./anthropic-errors.ts";
import type { HttpTransport, ResponseHeaders, ResponseSink } from "./http-transport.ts";
import { readOpenAiError, readOpenAiLimits } from "./openai-errors.ts";
import type { ProviderLimits, ProviderTimeouts } from "./provider.ts";

export interface JsonExchange {
  kind: ProviderKind;
  label: string;
  origin: string;
  path: string;
  method: "GET" | "POST" | "DELETE";
  headers: Record<string, string>;
  body: string | null;
  allowPrivateAddress: boolean;
  timeouts: ProviderTimeouts;
  signal: AbortSignal;
  onLimits?: ((limits: ProviderLimits) => void) | undefined;
  /** `text`: the body as it is (JSONL results of batches); default JSON. */
  answer?: "json" | "text";
}

class BodySink implements ResponseSink {
  readonly started = false;
  readonly complete = false;
  readonly chunks: Buffer[] = [];
  status = 0;
  headers: ResponseHeaders = {};
  onStart(status: number, headers: ResponseHeaders): void {
    this.status = status;
    this.headers = headers;
  }
  onData(chunk: Buffer): void {
    this.chunks.push(chunk);
  }
}

/** Everything that is not an answer's stream: model lists, embeddings, files, batches. Rejects with `LlmError`. */
export async function requestJson(transport: HttpTransport, exchange: JsonExchange): Promise<unknown> {
  const anthropic = exchange.kind === "anthropic";
  const sink = new BodySink();
  await transport.send({ ...exchange, stream: false }, sink);
  if (exchange.onLimits !== undefined) {
    const limits = anthropic ? readAnthropicLimits(sink.headers) : readOpenAiLimits(sink.headers, Date.now());
    if (limits !== null) exchange.onLimits(limits);
  }
  const text = Buffer.concat(sink.chunks).toString("utf8");
  const succeeded = sink.status >= 200 && sink.status < 300;
  if (succeeded && exchange.answer === "text") return text;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    if (succeeded)
      throw new LlmError("protocol", `${exchange.label} sent an answer that is not valid JSON.`, { cause: error });
    json = text;
  }
  if (succeeded) return json;
  throw (anthropic ? readAnthropicError : readOpenAiError)(sink.status, json, sink.headers, exchange.label);
}
