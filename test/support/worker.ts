import { createNotifier, type Database, openListener, uuidv7 } from "#db";
import { createEventHub, type EventHub } from "#events";
import { LlmError, type LlmFrame, type LlmHandler, type LlmReply } from "#llm";
import { takeLease } from "#queue";
import { createJournalWriter, type ExecutionWorker, startWorker } from "#worker";
import { temporaryFolder } from "./temporary-folder.ts";

export interface TestWorker {
  worker: ExecutionWorker;
  hub: EventHub;
  workspacesDir: string;
  stop(): Promise<void>;
}

/** A worker with its lease, listener and hub on a test database, calling `gateway` for its models. */
export async function startTestWorker(options: {
  db: Database;
  url: string;
  gateway: LlmHandler;
  concurrency?: number;
  log?: (message: string, fields: object) => void;
}): Promise<TestWorker> {
  const folder = temporaryFolder();
  const workerId = uuidv7();
  const report = (fields: object, message: string) => options.log?.(message, fields);
  const listener = await openListener(options.url, (error) => report({ error }, "listener"));
  const notifier = createNotifier(options.db, (error) => report({ error }, "notify"));
  const hub = createEventHub({ db: options.db, listener, processId: workerId, notify: notifier.notify });
  const lease = await takeLease({ databaseUrl: options.url, workerId, onLost: () => report({}, "lease lost") });
  const worker = startWorker({
    db: options.db,
    writer: createJournalWriter(options.db),
    hub,
    gateway: options.gateway,
    workspacesDir: folder.path,
    flushIntervalMs: () => 20,
    log: { info: report, warn: report, error: report },
    lease,
    listener,
    concurrency: options.concurrency ?? 32,
  });
  return {
    worker,
    hub,
    workspacesDir: folder.path,
    async stop() {
      await worker.stop(1_000);
      await lease.release();
      await hub.close();
      await notifier.close();
      await listener.close();
      await folder.remove();
    },
  };
}

/** A reply of the gateway with these facts and nothing else of note. */
export function replyOf(text: string, changes: Partial<LlmReply> = {}): LlmReply {
  return {
    text,
    reasoning: "",
    toolCalls: [],
    finishReason: "stop",
    usage: {
      inputTokens: 10,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: 20,
      reasoningTokens: 0,
      estimated: false,
    },
    model: "test-model",
    provider: "openai",
    accountId: null,
    costNanoUsd: 1_000,
    savedNanoUsd: null,
    cacheResult: "miss",
    trimmed: null,
    attempts: 1,
    latencyMs: 1,
    timeToFirstTokenMs: 1,
    rateWaitMs: 0,
    ...changes,
  };
}

/** A gateway that reserves, streams `answer`'s text word by word and settles, as the real one does. */
export function scriptedGateway(answer: (call: Parameters<LlmHandler>[0]) => Promise<string> | string): LlmHandler {
  return async (call, onFrame: (frame: LlmFrame) => void) => {
    const { ledger, callId } = call.context;
    const reserved = await ledger?.reserve({
      callId,
      attempt: 1,
      provider: "openai",
      accountId: null,
      model: "test-model",
      inputTokens: 10,
      maxOutputTokens: 100,
      minOutputTokens: 16,
      inputCostNanoUsd: 100,
      outputNanoUsdPerToken: 45,
    });
    if (reserved && reserved.outcome !== "granted") throw new LlmError("stopped", reserved.outcome);
    const text = await answer(call);
    for (const word of text.split(/(?<= )/)) onFrame({ type: "text", text: word });
    const reply = replyOf(text);
    await ledger?.settle({ callId, attempt: 1, outcome: "done", usage: reply.usage, costNanoUsd: reply.costNanoUsd });
    return reply;
  };
}
