import { createHash } from "node:crypto";
import { ExecutionStopped, type ModelAnswer, type ModelCall } from "#agents";
import { uuidv7 } from "#db";
import {
  type CallLedger,
  LlmError,
  type LlmFrame,
  type LlmHandler,
  type LlmReply,
  type ReserveOutcome,
  type SettleRequest,
} from "#llm";
import type { ExecutionJournal, LiveEvent } from "./execution-journal.ts";
import { type EndCall, type NewMessage, storableText } from "./journal-batch.ts";
import type { LoadedExecution } from "./load-execution.ts";

/** Milliseconds between two commits of streamed text; longer when many streams share the database. */
export type FlushInterval = () => number;

export interface ModelCaller {
  call(request: ModelCall, signal: AbortSignal): Promise<ModelAnswer>;
}

/** Sum of what the attempts of one call used. */
interface Spent {
  inputTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  estimated: boolean;
  costNanoUsd: number | null;
  any: boolean;
}

/**
 * Makes the LLM calls of one execution, each journalled: the intent and the reservation before the socket opens, the
 * text while it streams, the answer, the message and the bill together. A call whose end is on record is answered from
 * the record.
 */
export function createModelCaller(options: {
  execution: LoadedExecution;
  journal: ExecutionJournal;
  gateway: LlmHandler;
  flushIntervalMs: FlushInterval;
  /** Adds to the execution's cost and returns the new total, for the usage event. */
  addCost: (costNanoUsd: number) => number;
  checkLimit: () => void;
}): ModelCaller {
  const { execution, journal } = options;

  async function call(request: ModelCall, signal: AbortSignal): Promise<ModelAnswer> {
    const past = execution.calls.filter((one) => one.stepId === request.step.id && one.key === request.key);
    const done = past.find((one) => one.state === "done");
    if (done?.response) {
      return {
        text: done.content ?? "",
        toolCalls: done.response.toolCalls,
        finishReason: done.response.finishReason,
        messageId: done.messageId,
      };
    }
    options.checkLimit();
    const callId = deterministicId(execution.id, request.step.id, request.key, past.length + 1);
    const stream = openStream(request, callId);
    try {
      const reply = await options.gateway(
        {
          request: request.request,
          context: {
            callId,
            tenantId: execution.userId,
            squadId: execution.squadId,
            executionId: execution.id,
            memberId: request.memberId,
            lane: execution.lane,
            cache: "auto",
            signal,
            deadlineMs: null,
            ledger: stream.ledger,
          },
        },
        stream.onFrame,
      );
      return stream.finish(reply);
    } catch (error) {
      stream.fail(error);
      if (error instanceof LlmError && error.kind === "stopped")
        throw new ExecutionStopped(stream.stopReason() ?? "stopped");
      throw error;
    }
  }

  function openStream(request: ModelCall, callId: string) {
    const messageId = uuidv7();
    const settled: SettleRequest[] = [];
    let text = "";
    let shown = 0;
    let announced = false;
    let reserved = false;
    let stopReason: string | null = null;
    let model = request.request.model;
    let provider = "unknown";
    let accountId: string | null = null;
    let timer: NodeJS.Timeout | undefined;

    const startEvent = (): LiveEvent => ({
      type: "message-start",
      data: { messageId, stepId: request.step.id, memberId: request.memberId, model },
    });

    function flush(): void {
      timer = undefined;
      if (text.length === shown) return;
      const part = storableText(text.slice(shown));
      shown = text.length;
      journal.add({ events: [{ type: "message-delta", data: { messageId, text: part } }] });
    }

    function onFrame(frame: LlmFrame): void {
      if (frame.type === "text") {
        text += frame.text;
        if (text.length - shown > 2_048) {
          clearTimeout(timer);
          flush();
        } else timer ??= setTimeout(flush, options.flushIntervalMs());
      } else if (frame.type === "reset") {
        clearTimeout(timer);
        timer = undefined;
        if (shown > 0) journal.add({ events: [{ type: "message-reset", data: { messageId, reason: frame.reason } }] });
        text = "";
        shown = 0;
      } else if (frame.type === "wait") {
        journal.add({
          events: [{ type: "rate-wait", data: { llmCallId: callId, untilMs: Math.round(frame.untilMs) } }],
        });
      }
    }

    const ledger: CallLedger = {
      async reserve(r): Promise<ReserveOutcome> {
        model = r.model;
        provider = r.provider;
        accountId = r.accountId;
        const result = await journal.commit({
          begin: [
            {
              id: callId,
              stepId: request.step.id,
              key: request.key,
              messageId,
              provider: r.provider,
              model: r.model,
              attempt: announced ? Math.max(2, r.attempt) : r.attempt,
              inputTokens: r.inputTokens,
              maxOutputTokens: r.maxOutputTokens,
              minOutputTokens: r.minOutputTokens,
              inputCostNanoUsd: r.inputCostNanoUsd,
              outputNanoUsdPerToken: r.outputNanoUsdPerToken,
              spentNanoUsd: spent(settled).costNanoUsd ?? 0,
              events: announced ? [] : [startEvent()],
            },
          ],
        });
        const mine = result.begin.find((one) => one.id === callId);
        if (!mine) throw new Error("The journal did not answer a begun call.");
        if (mine.outcome === "stop") stopReason = mine.reason;
        if (mine.outcome !== "granted") return mine;
        announced = true;
        reserved = mine.reserved !== null;
        return { outcome: "granted", maxOutputTokens: mine.maxOutputTokens };
      },
      async settle(request) {
        if (!settled.some((one) => one.attempt === request.attempt)) settled.push(request);
      },
    };

    function endPart(state: EndCall["state"], use: Spent, extra: Partial<EndCall>): EndCall {
      return {
        id: callId,
        stepId: request.step.id,
        key: request.key,
        memberId: request.memberId,
        messageId,
        state,
        provider,
        model,
        accountId,
        cacheResult: null,
        response: null,
        error: null,
        trimmed: null,
        attempts: Math.max(1, settled.length),
        latencyMs: null,
        timeToFirstTokenMs: null,
        rateWaitMs: null,
        savedNanoUsd: null,
        reserved,
        inputTokens: use.inputTokens,
        cacheReadTokens: use.cacheReadTokens,
        cacheWriteTokens: use.cacheWriteTokens,
        outputTokens: use.outputTokens,
        reasoningTokens: use.reasoningTokens,
        estimated: use.estimated,
        costNanoUsd: use.costNanoUsd,
        ...extra,
      };
    }

    function usageEvent(use: Spent): LiveEvent {
      return {
        type: "usage",
        data: {
          llmCallId: callId,
          stepId: request.step.id,
          model,
          inputTokens: use.inputTokens,
          outputTokens: use.outputTokens,
          costNanoUsd: use.costNanoUsd,
          totalCostNanoUsd: options.addCost(use.costNanoUsd ?? 0),
        },
      };
    }

    function message(
      status: NewMessage["status"],
      content: string,
      toolCalls: unknown[] | null,
      use: Spent,
    ): NewMessage {
      return {
        id: messageId,
        stepId: request.step.id,
        memberId: request.memberId,
        role: "assistant",
        status,
        model,
        content,
        toolCalls: toolCalls && toolCalls.length > 0 ? toolCalls : null,
        inputTokens: use.any ? use.inputTokens : null,
        outputTokens: use.any ? use.outputTokens : null,
      };
    }

    function finish(reply: LlmReply): ModelAnswer {
      clearTimeout(timer);
      const content = storableText(reply.text);
      const toolCalls = reply.toolCalls.map((one) => ({ ...one, arguments: storableText(one.arguments) }));
      const hit = reply.cacheResult === "hit" || reply.cacheResult === "coalesced";
      if (!hit && settled.length === 0) {
        settled.push({ callId, attempt: 1, outcome: "done", usage: reply.usage, costNanoUsd: reply.costNanoUsd });
      }
      const use = spent(settled);
      model = reply.model;
      provider = reply.provider;
      accountId = reply.accountId;
      const events: LiveEvent[] = announced ? [] : [startEvent()];
      if (content.length > shown) {
        const rest = content.slice(shown);
        events.push({
          type: "message-delta",
          data: { messageId, from: shown, to: content.length },
          live: { messageId, text: rest },
        });
      }
      events.push(
        { type: "message-end", data: { messageId, inputTokens: use.inputTokens, outputTokens: use.outputTokens } },
        usageEvent(use),
      );
      journal.add({
        events,
        messages: [message("completed", content, toolCalls, use)],
        ends: [
          endPart("done", use, {
            cacheResult: reply.cacheResult,
            response: { toolCalls, finishReason: reply.finishReason },
            trimmed: reply.trimmed,
            attempts: reply.attempts,
            latencyMs: Math.round(reply.latencyMs),
            timeToFirstTokenMs: Math.round(reply.timeToFirstTokenMs),
            rateWaitMs: Math.round(reply.rateWaitMs),
            savedNanoUsd: reply.savedNanoUsd,
            costNanoUsd: hit ? 0 : use.costNanoUsd,
            usageId: uuidv7(),
          }),
        ],
      });
      return { text: content, toolCalls, finishReason: reply.finishReason, messageId };
    }

    /** Keeps what was shown and settles what was used; writes nothing for a call that was never begun. */
    function fail(error: unknown): void {
      clearTimeout(timer);
      if (!announced || journal.stopped() !== null) return;
      const cancelled = error instanceof LlmError && error.kind === "cancelled";
      const use = spent(settled);
      const content = storableText(text);
      const events: LiveEvent[] = [];
      if (content.length > shown) {
        events.push({
          type: "message-delta",
          data: { messageId, from: shown, to: content.length },
          live: { messageId, text: content.slice(shown) },
        });
      }
      if (!cancelled && content.length > 0) {
        events.push({
          type: "message-reset",
          data: { messageId, reason: error instanceof Error ? storableText(error.message) : "failed" },
        });
      } else
        events.push({
          type: "message-end",
          data: { messageId, inputTokens: use.inputTokens, outputTokens: use.outputTokens },
        });
      if (use.any) events.push(usageEvent(use));
      journal.add({
        events,
        messages: content.length > 0 ? [message(cancelled ? "cancelled" : "reset", content, null, use)] : [],
        ends: [
          endPart(cancelled ? "cancelled" : "failed", use, {
            error: storableText(error instanceof Error ? error.message : String(error)),
            ...(use.any ? { usageId: uuidv7() } : {}),
            costNanoUsd: use.any ? use.costNanoUsd : 0,
          }),
        ],
      });
    }

    return { ledger, onFrame, finish, fail, stopReason: () => stopReason };
  }

  return { call };
}

function spent(settled: SettleRequest[]): Spent {
  const sum: Spent = {
    inputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    estimated: false,
    costNanoUsd: 0,
    any: false,
  };
  for (const { usage, costNanoUsd } of settled) {
    sum.inputTokens += usage.inputTokens;
    sum.cacheReadTokens += usage.cacheReadTokens;
    sum.cacheWriteTokens += usage.cacheWriteTokens;
    sum.outputTokens += usage.outputTokens;
    sum.reasoningTokens += usage.reasoningTokens;
    sum.estimated ||= usage.estimated;
    sum.any ||= usage.inputTokens + usage.outputTokens > 0;
    sum.costNanoUsd = costNanoUsd === null || sum.costNanoUsd === null ? null : sum.costNanoUsd + costNanoUsd;
  }
  return sum;
}

/** The id of the nth attempt at a call: the same on every replay (UUID version 8, RFC 9562, from SHA-256). */
export function deterministicId(...parts: (string | number)[]): string {
  const bytes = createHash("sha256").update(parts.join("\u0000")).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
