import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { LedgerEntry, Script, ScriptedAnswer } from "./answers.ts";
import type { FaultPlan } from "./faults.ts";
import { answer } from "./wire-answer.ts";

export interface WireServerOptions {
  script?: Script;
  faults?: FaultPlan;
  /** Wait before each answer. */
  latencyMs?: number;
  /** Wait between two pieces of a stream. */
  pieceDelayMs?: number;
  /** When given, requests without it get 401. */
  apiKey?: string;
  /** Strict sliding window: the request over the limit gets 429 with `retry-after`. */
  rateLimit?: { requests: number; windowMs: number };
  /** Headers of every answer, for example rate limits. */
  headers?: Record<string, string> | ((requestIndex: number) => Record<string, string>);
  /** Tokens of a prompt; default a quarter of its JSON text's characters. */
  countPromptTokens?: (body: unknown) => number;
  models?: string[];
  /** Batches stay in progress until they are cancelled; what was done of them by then has results, or nothing has. */
  batchesNeverEnd?: boolean;
  batchDoneWhenCancelled?: boolean;
  /** Batches end so at their second poll: what says "LATE" was not done by then, the rest was. */
  batchesEndEarly?: "expired" | "cancelled";
  /** What says "FAULT" fails in its batch by the provider's own fault. */
  batchFault?: { status: number } | { code: string } | { type: string };
  /** At Anthropic's server, of each submission: refused with this status, or made, and nobody hears of it. */
  batchSubmission?: (customIds: string[]) => number | "cut off" | "taken";
  /** At Anthropic's server: whether a batch may end. */
  batchMayEnd?: (customIds: string[]) => boolean;
  /** A new batch is made, but nobody hears of it: its answer is cut off, or never comes on an open socket. */
  batchAnswerLost?: "cut off" | "silent";
}

export interface RecordedRequest {
  atMs: number;
  method: string;
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: unknown;
  bodyText: string;
  /** True once the client closed the connection before the answer was whole. */
  aborted: boolean;
}

export interface WireServer {
  /** As the provider's own SDK takes it for its base URL. */
  url: string;
  ledger: readonly LedgerEntry[];
  requests: readonly RecordedRequest[];
  /** Replaces the fault plan and the script from the next request on. */
  setFaults(plan: FaultPlan): void;
  setScript(script: Script): void;
  /** Resolves once this many requests have come. */
  received(count: number): Promise<void>;
  /** Resolves once this many ledger lines stand. */
  billed(count: number): Promise<void>;
  close(): Promise<void>;
}

/** One event of a stream, or a part of a JSON body, and how many output tokens it carries. */
export interface StreamPiece {
  bytes: string;
  tokens: number;
  /** What it reports of the use: output tokens so far, or all counts. */
  reports?: number | "all";
}

export interface PreparedAnswer {
  /** Null: not a streaming request. */
  stream: { pieces: StreamPiece[]; terminal: string } | null;
  /** The whole answer as one body. */
  json: StreamPiece[];
  bill: Omit<LedgerEntry, "requestIndex" | "outcome" | "reported">;
}

/** One provider's format. */
export interface WireFormat {
  /** Path of the answering endpoint below the server's root. */
  answerPath: string;
  prepare(
    body: unknown,
    answer: ScriptedAnswer,
    requestIndex: number,
    options: WireServerOptions,
    noUsage: boolean,
  ): PreparedAnswer;
  /** A reason to refuse the request as the real API would, or null. */
  refuse(
    request: RecordedRequest,
    options: WireServerOptions,
  ): { status: number; type: string; code?: string; message: string } | null;
  error(status: number, type: string | undefined, code: string | undefined, message: string): string;
  errorEvent(type: string, message: string): string;
  /** Everything besides the answering endpoint; returns false when the path is unknown. */
  other(
    request: RecordedRequest,
    response: ServerResponse,
    server: { options: WireServerOptions; root: string; ledger: LedgerEntry[] },
  ): Promise<boolean>;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Starts a server of the given format on a free loopback port. */
export async function startWireServer(
  format: WireFormat,
  initial: WireServerOptions,
  urlSuffix: string,
): Promise<WireServer> {
  const options = { ...initial };
  const ledger: LedgerEntry[] = [];
  const requests: RecordedRequest[] = [];
  const waiting: { done: () => boolean; resolve: () => void }[] = [];
  const sockets = new Set<Socket>();
  let root = "";
  let answered = 0;
  const wake = (): void => {
    for (const entry of waiting.filter(({ done }) => done())) {
      waiting.splice(waiting.indexOf(entry), 1);
      entry.resolve();
    }
  };
  const until = (done: () => boolean): Promise<void> =>
    done() ? Promise.resolve() : new Promise((resolve) => waiting.push({ done, resolve }));

  const server = createServer((incoming, response) => {
    void (async () => {
      const bodyText = await readBody(incoming);
      const request: RecordedRequest = {
        atMs: Date.now(),
        method: incoming.method ?? "",
        path: incoming.url ?? "",
        headers: incoming.headers,
        body: parseJson(bodyText),
        bodyText,
        aborted: false,
      };
      response.on("close", () => {
        if (!response.writableFinished) request.aborted = true;
      });
      requests.push(request);
      wake();
      const path = request.path.split("?")[0] ?? "";
      if (request.method !== "POST" || path !== format.answerPath) {
        if (!(await format.other(request, response, { options, root, ledger }))) {
          response.writeHead(404, { "content-type": "application/json" });
          response.end(format.error(404, "not_found_error", undefined, `Unknown path ${path}`));
        }
        wake();
        return;
      }
      const requestIndex = answered;
      answered += 1;
      await answer(
        format,
        options,
        request,
        response,
        requestIndex,
        recentRequests(requests, format, options),
        (entry) => {
          ledger.push(Object.freeze(entry));
          wake();
        },
      );
    })().catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  server.keepAliveTimeout = 60_000;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: root + urlSuffix,
    ledger,
    requests,
    setFaults(plan) {
      options.faults = plan;
    },
    setScript(script) {
      options.script = script;
    },
    received: (count) => until(() => requests.length >= count),
    billed: (count) => until(() => ledger.length >= count),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function recentRequests(requests: RecordedRequest[], format: WireFormat, options: WireServerOptions): number {
  if (options.rateLimit === undefined) return 0;
  const since = Date.now() - options.rateLimit.windowMs;
  let count = 0;
  for (let index = requests.length - 1; index >= 0 && (requests[index] as RecordedRequest).atMs > since; index -= 1) {
    if ((requests[index] as RecordedRequest).path.startsWith(format.answerPath)) count += 1;
  }
  return count;
}
