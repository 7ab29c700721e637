import { createHash } from "node:crypto";
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

/** What is known of a submission whose answer never came. */
export interface BatchMark {
  /** Our id of the batch, and how many calls were sent. */
  label: string;
  calls: number;
  /** Since when we have the batch, and when it was last sent. */
  fromMs: number;
  sentAtMs: number;
}

/**
 * Each item's result: the answer's JSON, or what was wrong with it alone. What the provider did not come to, or failed at by
 * its own fault, is not there: it costs nothing, and may well succeed when it is asked again.
 */
export type BatchResults = Map<string, { answer: unknown } | { error: string }>;

/** A provider's Batch API. Methods reject with `LlmError`. */
export interface BatchClient {
  submit(account: ProviderAccount, items: readonly BatchItem[], label: string, signal: AbortSignal): Promise<string>;
  /** Ids of batches that may be the one so submitted, which `whose` tells. */
  find(account: ProviderAccount, mark: BatchMark, signal: AbortSignal): Promise<string[]>;
  /** Whether the batch bears our label; `unknown` while nothing proves one or the other. */
  whose(
    account: ProviderAccount,
    batchId: string,
    label: string,
    signal: AbortSignal,
  ): Promise<"ours" | "foreign" | "unknown">;
  status(account: ProviderAccount, batchId: string, signal: AbortSignal): Promise<BatchStatus>;
  results(account: ProviderAccount, batchId: string, label: string, signal: AbortSignal): Promise<BatchResults>;
  cancel(account: ProviderAccount, batchId: string, signal: AbortSignal): Promise<void>;
}

/** Where OpenAI keeps our id of a batch. */
const labelName = "muster_batch";
const CLOCK_DIFFERENCE_MS = 60_000;
/** What a provider made later than this after it was sent is not what was sent. */
const LATEST_MS = 600_000;
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

/** The batches that a provider lists, newest first, back to the first page with one that is too old. */
async function listBatches<Listed extends { id: string }>(
  read: (query: string) => Promise<unknown>,
  cursor: string,
  isTooOld: (batch: Listed) => boolean,
): Promise<Listed[]> {
  const listed: Listed[] = [];
  for (let query = "?limit=100"; ; query = `?limit=100&${cursor}=${listed.at(-1)?.id}`) {
    const { data = [], has_more: more } = (await read(query)) as { data?: Listed[]; has_more?: boolean };
    listed.push(...data);
    const last = data.at(-1);
    if (more !== true || last === undefined || isTooOld(last)) return listed;
  }
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

interface ChatLine {
  custom_id: string;
  response?: { status_code: number; body?: { error?: { message?: string } } | null } | null;
  error?: { message?: string } | null;
}

/** https://platform.openai.com/docs/guides/batch: a JSONL file is uploaded, results come as files. */
export function openAiBatchClient(http: HttpProvider, exchangeMs?: number): BatchClient {
  const timeouts = timeoutsOf(exchangeMs);
  interface Batch {
    id: string;
    status: string;
    created_at: number;
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
    async find(account, { label, fromMs }, signal) {
      const page = (query: string) =>
        http.request(account, { method: "GET", path: `/batches${query}`, body: null, timeouts, signal });
      const isTooOld = (batch: Batch) => batch.created_at * 1000 < fromMs - CLOCK_DIFFERENCE_MS;
      const listed = await listBatches<Batch>(page, "after", isTooOld);
      return listed.filter(({ metadata }) => metadata?.[labelName] === label).map(({ id }) => id);
    },
    async whose(account, batchId, label, signal) {
      const { metadata } = await read(account, batchId, signal);
      return metadata?.[labelName] === label ? "ours" : "foreign";
    },
    async status(account, batchId, signal) {
      const { status, request_counts: counts } = await read(account, batchId, signal);
      // An expired or cancelled batch still has the results of what was done in time.
      const ended = status === "completed" || status === "expired" || status === "cancelled";
      const state = ended ? "ended" : status === "failed" ? "failed" : "running";
      return { state, done: counts?.completed ?? 0, failed: counts?.failed ?? 0 };
    },
    async results(account, batchId, _label, signal) {
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
          const { custom_id: key, response, error } = line as ChatLine;
          const status = response?.status_code;
          if (status === 200) results.set(key, { answer: response?.body });
          // Only such a status says that the request itself is wrong; without one it expired, was cancelled or timed out.
          else if (status !== undefined && status >= 400 && status < 500 && !passingStatuses.has(status)) {
            const message = response?.body?.error?.message ?? error?.message ?? "The provider gave no reason.";
            results.set(key, { error: message });
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

/**
 * What tells our lines from all others: Anthropic keeps nothing of ours but each line's `custom_id`, of 64 characters, of which
 * our keys take 43. Nobody else can guess it.
 */
function tagOf(label: string): string {
  return `-${createHash("sha256").update(label).digest("base64url").slice(0, 20)}`;
}

interface MessageBatch {
  id: string;
  processing_status: string;
  created_at: string;
  request_counts?: Record<string, number>;
}

interface MessageLine {
  custom_id: string;
  result: { type: string; message?: unknown; error?: { error?: { type?: string; message?: string } } };
}

/** https://platform.claude.com/docs/en/build-with-claude/batch-processing */
export function anthropicBatchClient(http: HttpProvider, exchangeMs?: number): BatchClient {
  const timeouts = timeoutsOf(exchangeMs);
  const root = "/v1/messages/batches";
  const get = (account: ProviderAccount, path: string, signal: AbortSignal, answer?: "text"): Promise<unknown> =>
    http.request(account, {
      method: "GET",
      path: root + path,
      body: null,
      timeouts,
      signal,
      ...(answer === undefined ? {} : { answer }),
    });
  const post = (account: ProviderAccount, path: string, body: string, signal: AbortSignal): Promise<unknown> =>
    http.request(account, { method: "POST", path: root + path, body, timeouts, signal });
  const read = async (account: ProviderAccount, batchId: string, signal: AbortSignal): Promise<MessageBatch> =>
    (await get(account, `/${batchId}`, signal)) as MessageBatch;
  const linesOf = async (account: ProviderAccount, batchId: string, signal: AbortSignal): Promise<MessageLine[]> =>
    jsonLines((await get(account, `/${batchId}/results`, signal, "text")) as string) as MessageLine[];
  return {
    async submit(account, items, label, signal) {
      const tag = tagOf(label);
      const requests = items.map(({ key, call }) => ({ custom_id: key + tag, params: encodeMessagesBody(call) }));
      return ((await post(account, "", JSON.stringify({ requests }), signal)) as MessageBatch).id;
    },
    async find(account, { calls, fromMs, sentAtMs }, signal) {
      // Nothing in the list says whose a batch is: one of this size made at that time may be ours.
      const from = fromMs - CLOCK_DIFFERENCE_MS;
      const until = sentAtMs + LATEST_MS;
      const isTooOld = (batch: MessageBatch) => Date.parse(batch.created_at) < from;
      const listed = await listBatches<MessageBatch>((query) => get(account, query, signal), "after_id", isTooOld);
      const sizeOf = ({ request_counts: counts = {} }: MessageBatch) =>
        Object.values(counts).reduce((sum, count) => sum + count, 0);
      return listed
        .filter((batch) => !isTooOld(batch) && Date.parse(batch.created_at) <= until && sizeOf(batch) === calls)
        .map(({ id }) => id);
    },
    async whose(account, batchId, label, signal) {
      const { processing_status: status } = await read(account, batchId, signal);
      if (status !== "ended") return "unknown";
      const tag = tagOf(label);
      const lines = await linesOf(account, batchId, signal);
      return lines.some(({ custom_id: id }) => id.endsWith(tag)) ? "ours" : "foreign";
    },
    async status(account, batchId, signal) {
      const { processing_status: status, request_counts: counts = {} } = await read(account, batchId, signal);
      const { succeeded = 0, errored = 0 } = counts;
      return { state: status === "ended" ? "ended" : "running", done: succeeded, failed: errored };
    },
    async results(account, batchId, label, signal) {
      const tag = tagOf(label);
      const results: BatchResults = new Map();
      for (const { custom_id: id, result } of await linesOf(account, batchId, signal)) {
        // Batches of a version before have their lines under the bare key.
        const key = id.endsWith(tag) ? id.slice(0, -tag.length) : id;
        const error = result.error?.error;
        if (result.type === "succeeded") results.set(key, { answer: result.message });
        // The others expired or were cancelled with the batch.
        else if (result.type === "errored" && !passingErrors.has(error?.type ?? ""))
          results.set(key, { error: error?.message ?? "The provider gave no reason." });
      }
      return results;
    },
    async cancel(account, batchId, signal) {
      await post(account, `/${batchId}/cancel`, "{}", signal);
    },
  };
}
