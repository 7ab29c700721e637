import { encodeMessagesBody } from "../providers/anthropic-request.ts";
import type { HttpProvider } from "../providers/http-provider.ts";
import { encodeChatBody } from "../providers/openai-chat.ts";
import { encodeResponsesBody, speaksResponses } from "../providers/openai-responses.ts";
import {
  defaultTimeouts,
  type ProviderAccount,
  type ProviderCall,
  type ProviderTimeouts,
} from "../providers/provider.ts";

/** One call of a batch, under a name by which its result is found. */
export interface BatchItem {
  key: string;
  call: Pick<ProviderCall, "account" | "request" | "maxOutputTokens" | "cacheSeams">;
}

export interface BatchStatus {
  state: "running" | "ended" | "failed";
  /** Calls that have their answer, and calls that failed, so far. */
  done: number;
  failed: number;
}

/** What tells one of our batches from others at the provider. */
export interface BatchMark {
  /** Our id, sent along where the provider keeps one. */
  label: string;
  calls: number;
  createdAtMs: number;
}

/**
 * Each item's result: the answer's JSON, or what was wrong with it alone. What the provider did not come to, or failed at by
 * its own fault, is not there: it costs nothing, and may well succeed when it is asked again.
 */
export type BatchResults = Map<string, { answer: unknown } | { error: string }>;

/** A provider's Batch API. Methods reject with `LlmError`. */
export interface BatchClient {
  submit(account: ProviderAccount, items: readonly BatchItem[], label: string, signal: AbortSignal): Promise<string>;
  /** Ids of batches that may be this one: for a submission whose answer never came. */
  find(account: ProviderAccount, mark: BatchMark, signal: AbortSignal): Promise<string[]>;
  status(account: ProviderAccount, batchId: string, signal: AbortSignal): Promise<BatchStatus>;
  results(account: ProviderAccount, batchId: string, signal: AbortSignal): Promise<BatchResults>;
  cancel(account: ProviderAccount, batchId: string, signal: AbortSignal): Promise<void>;
}

/** Where OpenAI keeps our id of a batch. */
const labelName = "muster_batch";
const CLOCK_DIFFERENCE_MS = 60_000;
/** Of results that failed by no fault of the request: at OpenAI below 500, at Anthropic. Neither bills them. */
const passingStatuses = new Set([408, 409, 429]);
const passingErrors = new Set(["api_error", "overloaded_error", "rate_limit_error", "timeout_error"]);

/** Of one exchange with a provider's Batch API; files and results may be large. */
function timeoutsOf(exchangeMs = 120_000): ProviderTimeouts {
  return { ...defaultTimeouts, totalMs: exchangeMs };
}

function jsonLines(text: string): unknown[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as unknown);
}

/** The lines of a batch's file. All its items are of one model, and so of one endpoint. */
function linesOf(account: ProviderAccount, items: readonly BatchItem[]): { endpoint: string; lines: string[] } {
  const responses = items.every(({ call }) => speaksResponses(account, call.request.model));
  const endpoint = responses ? "/v1/responses" : "/v1/chat/completions";
  const bodyOf = ({ call }: BatchItem) => (responses ? encodeResponsesBody(call) : encodeChatBody(call));
  const lines = items.map((item) =>
    JSON.stringify({ custom_id: item.key, method: "POST", url: endpoint, body: bodyOf(item) }),
  );
  return { endpoint, lines };
}

/** https://platform.openai.com/docs/guides/batch: a JSONL file is uploaded, results come as files. */
export function openAiBatchClient(http: HttpProvider, exchangeMs?: number): BatchClient {
  const timeouts = timeoutsOf(exchangeMs);
  interface Batch {
    id: string;
    status: string;
    metadata?: Record<string, string> | null;
    request_counts?: { completed?: number; failed?: number } | null;
    output_file_id?: string | null;
    error_file_id?: string | null;
  }
  const read = async (account: ProviderAccount, batchId: string, signal: AbortSignal): Promise<Batch> =>
    (await http.request(account, {
      method: "GET",
      path: `/batches/${batchId}`,
      body: null,
      timeouts,
      signal,
    })) as Batch;
  return {
    async submit(account, items, label, signal) {
      const { endpoint, lines } = linesOf(account, items);
      const boundary = `muster-${Math.random().toString(36).slice(2)}${Date.now()}`;
      const part = (head: string, content: string): string =>
        `--${boundary}\r\ncontent-disposition: form-data; ${head}\r\n\r\n${content}\r\n`;
      const body = `${part('name="purpose"', "batch")}${part('name="file"; filename="batch.jsonl"', lines.join("\n"))}--${boundary}--\r\n`;
      const headers = { "content-type": `multipart/form-data; boundary=${boundary}` };
      const file = (await http.request(account, {
        method: "POST",
        path: "/files",
        body,
        headers,
        timeouts,
        signal,
      })) as { id: string };
      const order = {
        input_file_id: file.id,
        endpoint,
        completion_window: "24h",
        metadata: { [labelName]: label },
      };
      const batch = await http.request(account, {
        method: "POST",
        path: "/batches",
        body: JSON.stringify(order),
        timeouts,
        signal,
      });
      return (batch as Batch).id;
    },
    async find(account, { label }, signal) {
      const exchange = { method: "GET", path: "/batches?limit=100", body: null, timeouts, signal } as const;
      const { data } = (await http.request(account, exchange)) as { data?: Batch[] };
      return (data ?? []).filter(({ metadata }) => metadata?.[labelName] === label).map(({ id }) => id);
    },
    async status(account, batchId, signal) {
      const { status, request_counts: counts } = await read(account, batchId, signal);
      // An expired or cancelled batch still has the results of what was done in time.
      const ended = status === "completed" || status === "expired" || status === "cancelled";
      const state = ended ? "ended" : status === "failed" ? "failed" : "running";
      return { state, done: counts?.completed ?? 0, failed: counts?.failed ?? 0 };
    },
    async results(account, batchId, signal) {
      const batch = await read(account, batchId, signal);
      const results: BatchResults = new Map();
      for (const fileId of [batch.output_file_id, batch.error_file_id]) {
        if (fileId === undefined || fileId === null) continue;
        const path = `/files/${fileId}/content`;
        const text = (await http.request(account, {
          method: "GET",
          path,
          body: null,
          answer: "text",
          timeouts,
          signal,
        })) as string;
        for (const line of jsonLines(text)) {
          const {
            custom_id: key,
            response,
            error,
          } = line as {
            custom_id: string;
            response?: { status_code: number; body?: { error?: { message?: string } } | null } | null;
            error?: { message?: string } | null;
          };
          const status = response?.status_code;
          if (status === 200) results.set(key, { answer: response?.body });
          // Only such a status says that the request itself is wrong; without one it expired, was cancelled or timed out.
          else if (status !== undefined && status >= 400 && status < 500 && !passingStatuses.has(status)) {
            results.set(key, {
              error: response?.body?.error?.message ?? error?.message ?? "The provider gave no reason.",
            });
          }
        }
      }
      return results;
    },
    async cancel(account, batchId, signal) {
      await http.request(account, { method: "POST", path: `/batches/${batchId}/cancel`, body: "{}", timeouts, signal });
    },
  };
}

/** https://platform.claude.com/docs/en/build-with-claude/batch-processing */
export function anthropicBatchClient(http: HttpProvider, exchangeMs?: number): BatchClient {
  const timeouts = timeoutsOf(exchangeMs);
  return {
    async submit(account, items, _label, signal) {
      const requests = items.map(({ key, call }) => ({ custom_id: key, params: encodeMessagesBody(call) }));
      const path = "/v1/messages/batches";
      const batch = await http.request(account, {
        method: "POST",
        path,
        body: JSON.stringify({ requests }),
        timeouts,
        signal,
      });
      return (batch as { id: string }).id;
    },
    async find(account, { calls, createdAtMs }, signal) {
      // It keeps no label: a batch of this size made since then may be ours, which its results will say.
      const path = "/v1/messages/batches?limit=100";
      const { data } = (await http.request(account, { method: "GET", path, body: null, timeouts, signal })) as {
        data?: { id: string; created_at: string; request_counts: Record<string, number> }[];
      };
      return (data ?? [])
        .filter(
          ({ created_at: createdAt, request_counts: counts }) =>
            Date.parse(createdAt) >= createdAtMs - CLOCK_DIFFERENCE_MS &&
            Object.values(counts).reduce((sum, count) => sum + count, 0) === calls,
        )
        .map(({ id }) => id);
    },
    async status(account, batchId, signal) {
      const path = `/v1/messages/batches/${batchId}`;
      const batch = (await http.request(account, { method: "GET", path, body: null, timeouts, signal })) as {
        processing_status: string;
        request_counts?: { succeeded?: number; errored?: number };
      };
      const { succeeded = 0, errored = 0 } = batch.request_counts ?? {};
      return { state: batch.processing_status === "ended" ? "ended" : "running", done: succeeded, failed: errored };
    },
    async results(account, batchId, signal) {
      const path = `/v1/messages/batches/${batchId}/results`;
      const text = (await http.request(account, {
        method: "GET",
        path,
        body: null,
        answer: "text",
        timeouts,
        signal,
      })) as string;
      const results: BatchResults = new Map();
      for (const line of jsonLines(text)) {
        const { custom_id: key, result } = line as {
          custom_id: string;
          result: { type: string; message?: unknown; error?: { error?: { type?: string; message?: string } } };
        };
        const error = result.error?.error;
        if (result.type === "succeeded") results.set(key, { answer: result.message });
        // The others expired or were cancelled with the batch.
        else if (result.type === "errored" && !passingErrors.has(error?.type ?? ""))
          results.set(key, { error: error?.message ?? "The provider gave no reason." });
      }
      return results;
    },
    async cancel(account, batchId, signal) {
      await http.request(account, {
        method: "POST",
        path: `/v1/messages/batches/${batchId}/cancel`,
        body: "{}",
        timeouts,
        signal,
      });
    },
  };
}
