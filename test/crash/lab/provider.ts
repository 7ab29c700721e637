import { appendFileSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/*
 * A provider that bills: OpenAI's chat completions (https://platform.openai.com/docs/api-reference/chat) on a loopback
 * port. Its ledger is a file to which lines are only ever appended: one when a request arrives, one when it is over.
 */

/** What the provider knows of one request, joined from the ledger's two lines. */
export interface LedgerCall {
  id: number;
  /** Found in the prompt: tells whose request it was. */
  marker: string;
  beganAtMs: number;
  /** Null while it is under way. */
  endedAtMs: number | null;
  /** `complete`: the terminal event was sent; `cut`: the client left or a fault ended it; `refused`: an error, not billed. */
  outcome: "complete" | "cut" | "refused" | null;
  inputTokens: number;
  outputTokens: number;
}

/** What happens to a request instead of a plain answer. */
export type ProviderFault =
  | { kind: "status"; status: number; retryAfterSeconds?: number }
  | { kind: "reset"; afterPieces: number }
  | { kind: "end-early"; afterPieces: number }
  | { kind: "slow-first-byte"; delayMs: number };

export interface ProviderPlan {
  /** Pieces (= tokens) of the answer. */
  pieces: number;
  pieceDelayMs: number;
  fault?: ProviderFault;
}

export interface CrashProvider {
  /** Base address with its version, for OPENAI_BASE_URL. */
  url: string;
  ledger(): LedgerCall[];
  /** Requests that are being answered now. */
  inFlight(): number;
  /** Resolves when a request of this marker has begun to stream its nth piece. */
  streaming(marker: string, pieces?: number): Promise<void>;
  setPlan(plan: (requestIndex: number, marker: string) => ProviderPlan): void;
  close(): Promise<void>;
}

/** Nano-USD per token of `model` below, as the public price list has it: 0.25 $ and 2 $ per million. */
export const price = { model: "gpt-5-mini", inputNanoUsd: 250, outputNanoUsd: 2_000 } as const;

const markerPattern = /mark-[a-z0-9]+/;

interface ChatBody {
  model?: string;
  stream?: boolean;
  max_tokens?: number;
  max_completion_tokens?: number;
  response_format?: { json_schema?: { name?: string } };
}

/** Starts the provider; the ledger stands in `ledgerPath`. */
export async function startCrashProvider(
  ledgerPath: string,
  initial: (requestIndex: number, marker: string) => ProviderPlan,
): Promise<CrashProvider> {
  let plan = initial;
  let count = 0;
  let open = 0;
  const sockets = new Set<Socket>();
  const seen = new Map<string, number>();
  const waiting: { marker: string; pieces: number; resolve: () => void }[] = [];
  const record = (line: object) => appendFileSync(ledgerPath, `${JSON.stringify({ at: Date.now(), ...line })}\n`);
  appendFileSync(ledgerPath, "");

  function progressed(marker: string, pieces: number): void {
    seen.set(marker, pieces);
    for (const one of [...waiting]) {
      if (one.marker !== marker || one.pieces > pieces) continue;
      waiting.splice(waiting.indexOf(one), 1);
      one.resolve();
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await readBody(request);
    if (request.method !== "POST" || !request.url?.endsWith("/chat/completions")) {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ object: "list", data: [{ id: price.model, object: "model" }] }));
      return;
    }
    const body = JSON.parse(text) as ChatBody;
    const id = count++;
    const marker = markerPattern.exec(text)?.[0] ?? "none";
    const chosen = plan(id, marker);
    record({ line: "begin", id, marker });
    open += 1;
    // Different for neighbours, so that a bill can be matched to the very request; below what any prompt here counts.
    const inputTokens = (id % 150) + 40;
    let ended = false;
    const end = (outcome: LedgerCall["outcome"], outputTokens: number) => {
      if (ended) return;
      ended = true;
      open -= 1;
      record({ line: "end", id, outcome, inputTokens: outcome === "refused" ? 0 : inputTokens, outputTokens });
    };
    let sent = 0;
    response.once("close", () => end("cut", sent));
    if (chosen.fault?.kind === "status") {
      const { status, retryAfterSeconds } = chosen.fault;
      const headers = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
      end("refused", 0);
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(
        JSON.stringify({ error: { message: "Refused by the laboratory", type: "server_error", code: null } }),
      );
      return;
    }
    if (chosen.fault?.kind === "slow-first-byte") await delay(chosen.fault.delayMs, undefined, { ref: false });
    const limit = body.max_completion_tokens ?? body.max_tokens ?? Number.POSITIVE_INFINITY;
    const all = piecesOf(text, id, chosen.pieces);
    const pieces = all.slice(0, limit);
    const finish = pieces.length < all.length ? "length" : "stop";
    const usage = {
      prompt_tokens: inputTokens,
      completion_tokens: pieces.length,
      total_tokens: inputTokens + pieces.length,
    };
    if (body.stream !== true) {
      await delay(chosen.pieceDelayMs * pieces.length);
      if (response.destroyed) return;
      const message = { role: "assistant", content: pieces.join("") };
      const json = JSON.stringify({
        id: `c-${id}`,
        object: "chat.completion",
        model: body.model,
        choices: [{ index: 0, message, finish_reason: finish }],
        usage,
      });
      response.writeHead(200, { "content-type": "application/json" });
      response.end(json);
      end("complete", pieces.length);
      return;
    }
    const head = { id: `c-${id}`, object: "chat.completion.chunk", model: body.model };
    const chunk = (choices: object[], extra: object = {}) =>
      response.write(`data: ${JSON.stringify({ ...head, choices, ...extra })}\n\n`);
    response.writeHead(200, { "content-type": "text/event-stream" });
    chunk([{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }]);
    for (const piece of pieces) {
      if (response.destroyed) return;
      if (chosen.fault && "afterPieces" in chosen.fault && sent >= chosen.fault.afterPieces) {
        end("cut", sent);
        if (chosen.fault.kind === "reset") response.socket?.resetAndDestroy();
        else response.end();
        return;
      }
      chunk([{ index: 0, delta: { content: piece }, finish_reason: null }]);
      sent += 1;
      progressed(marker, sent);
      if (chosen.pieceDelayMs > 0) await delay(chosen.pieceDelayMs);
    }
    if (response.destroyed) return;
    chunk([{ index: 0, delta: {}, finish_reason: finish }]);
    chunk([], { usage });
    end("complete", pieces.length);
    response.end("data: [DONE]\n\n");
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  server.keepAliveTimeout = 60_000;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    ledger: () => readLedger(ledgerPath),
    inFlight: () => open,
    streaming: (marker, pieces = 1) =>
      (seen.get(marker) ?? 0) >= pieces
        ? Promise.resolve()
        : new Promise((resolve) => waiting.push({ marker, pieces, resolve })),
    setPlan(next) {
      plan = next;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The text as pieces of one token each; a plan when the lead is asked for one. */
function piecesOf(request: string, id: number, count: number): string[] {
  if (request.includes("muster_plan")) {
    const steps = [1, 2, 3].map((n) => ({
      key: `part-${n}`,
      title: `Part ${n}`,
      owner: `Member ${((n - 1) % 2) + 1}`,
      dependsOn: n === 3 ? ["part-1"] : [],
      doneCriterion: "It is written.",
      review: false,
    }));
    return JSON.stringify({ steps }).match(/.{1,16}/gsu) ?? [];
  }
  return Array.from({ length: count }, (_, index) => `word${id}x${index} `);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function readLedger(path: string): LedgerCall[] {
  const calls = new Map<number, LedgerCall>();
  for (const text of readFileSync(path, "utf8").split("\n")) {
    if (text === "") continue;
    const line = JSON.parse(text) as { at: number; line: string; id: number } & Partial<LedgerCall>;
    if (line.line === "begin") {
      const { id, marker = "none" } = line;
      calls.set(id, {
        id,
        marker,
        beganAtMs: line.at,
        endedAtMs: null,
        outcome: null,
        inputTokens: 0,
        outputTokens: 0,
      });
      continue;
    }
    const call = calls.get(line.id);
    if (!call) throw new Error(`The ledger ends request ${line.id}, which never began.`);
    if (call.outcome !== null) throw new Error(`The ledger ends request ${line.id} twice.`);
    call.endedAtMs = line.at;
    call.outcome = line.outcome ?? null;
    call.inputTokens = line.inputTokens ?? 0;
    call.outputTokens = line.outputTokens ?? 0;
  }
  return [...calls.values()];
}
