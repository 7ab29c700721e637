import type { ModelAnswer, ModelCall } from "#agents";
import { uuidv7 } from "#db";
import {
  type CallLedger,
  LlmError,
  type LlmFrame,
  type LlmReply,
  type ReserveOutcome,
  type ReserveRequest,
  type SettleRequest,
} from "#llm";
import type { CallModelOptions } from "./call-model.ts";
import type { LiveEvent } from "./execution-journal.ts";
import { type EndCall, type NewMessage, storableText } from "./journal-batch.ts";

/** Characters of streamed text after which a delta is written without waiting for the interval. */
const deltaLength = 2_048;

/** Sum of what the attempts at one call used. */
interface Spent {
  inputTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  estimated: boolean;
  costNanoUsd: number | null;
}

/** Writes one LLM call into the journal as it happens; it is also the call's ledger. */
export class CallRecorder implements CallLedger {
  readonly #options: CallModelOptions & { call: ModelCall; callId: string };
  readonly #messageId = uuidv7();
  readonly #settled: SettleRequest[] = [];
  #model: string;
  #provider = "unknown";
  #accountId: string | null = null;
  #text = "";
  /** UTF-16 units of the text that stand in the journal as deltas. */
  #shown = 0;
  /** True once the intent is on record. */
  #begun = false;
  #reserved = false;
  /** Settled attempts whose cost a later attempt's begin has already booked. */
  #accounted = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Why the journal refused to begin the call. */
  stopReason: string | null = null;

  constructor(options: CallModelOptions & { call: ModelCall; callId: string }) {
    this.#options = options;
    this.#model = options.call.request.model;
  }

  async reserve(request: ReserveRequest): Promise<ReserveOutcome> {
    const { call, callId, journal } = this.#options;
    this.#model = request.model;
    this.#provider = request.provider;
    this.#accountId = request.accountId;
    const result = await journal.commit({
      begin: [
        {
          id: callId,
          stepId: call.step.id,
          key: call.key,
          messageId: this.#messageId,
          provider: request.provider,
          model: request.model,
          attempt: this.#begun ? Math.max(2, request.attempt) : 1,
          inputTokens: request.inputTokens,
          maxOutputTokens: request.maxOutputTokens,
          minOutputTokens: request.minOutputTokens,
          inputCostNanoUsd: request.inputCostNanoUsd,
          outputNanoUsdPerToken: request.outputNanoUsdPerToken,
          spentNanoUsd: this.#unaccounted() ?? 0,
          spentInAllNanoUsd: sumOf(this.#settled).costNanoUsd ?? 0,
          events: this.#begun ? [] : [this.#startEvent()],
        },
      ],
    });
    const mine = result.begin.find((one) => one.id === callId);
    if (!mine) throw new Error("The journal did not answer a begun call.");
    if (mine.outcome === "stop") this.stopReason = mine.reason;
    if (mine.outcome !== "granted") return mine;
    this.#accounted = this.#settled.length;
    this.#begun = true;
    this.#reserved = mine.reserved !== null;
    await this.#options.untilCertain();
    return { outcome: "granted", maxOutputTokens: mine.maxOutputTokens };
  }

  async settle(request: SettleRequest): Promise<void> {
    if (!this.#settled.some((one) => one.attempt === request.attempt)) this.#settled.push(request);
  }

  readonly onFrame = (frame: LlmFrame): void => {
    const { journal, callId, flushIntervalMs } = this.#options;
    if (frame.type === "text") {
      this.#text += frame.text;
      if (this.#text.length - this.#shown > deltaLength) this.#flush();
      else this.#timer ??= setTimeout(() => this.#flush(), flushIntervalMs());
    } else if (frame.type === "reset") {
      this.#stopTimer();
      if (this.#shown > 0) journal.add({ events: [this.#resetEvent(frame.reason)] });
      this.#text = "";
      this.#shown = 0;
    } else if (frame.type === "wait") {
      journal.add({
        events: [{ type: "rate-wait", data: { llmCallId: callId, untilMs: Math.round(frame.untilMs) } }],
      });
    }
  };

  /** Records the whole answer: message, end of the call, bill and events in one batch. */
  finish(reply: LlmReply): ModelAnswer {
    this.#stopTimer();
    const hit = reply.cacheResult === "hit" || reply.cacheResult === "coalesced";
    if (!hit && this.#settled.length === 0) {
      const { usage, costNanoUsd } = reply;
      this.#settled.push({ callId: this.#options.callId, attempt: 1, outcome: "done", usage, costNanoUsd });
    }
    const used = sumOf(this.#settled);
    this.#model = reply.model;
    this.#provider = reply.provider;
    this.#accountId = reply.accountId;
    const text = storableText(reply.text);
    const toolCalls = reply.toolCalls.map((one) => ({ ...one, arguments: storableText(one.arguments) }));
    this.#options.journal.add({
      events: [
        ...(this.#begun ? [] : [this.#startEvent()]),
        ...this.#restOf(text),
        this.#endEvent(used),
        this.#usageEvent(used),
      ],
      messages: [this.#message("completed", text, toolCalls, used)],
      ends: [
        {
          ...this.#end("done", used),
          cacheResult: reply.cacheResult,
          response: { toolCalls, finishReason: reply.finishReason },
          trimmed: reply.trimmed,
          attempts: reply.attempts,
          latencyMs: Math.round(reply.latencyMs),
          timeToFirstTokenMs: Math.round(reply.timeToFirstTokenMs),
          rateWaitMs: Math.round(reply.rateWaitMs),
          savedNanoUsd: reply.savedNanoUsd,
          usageId: uuidv7(),
        },
      ],
    });
    return { text, toolCalls, finishReason: reply.finishReason, messageId: this.#messageId };
  }

  /** Keeps what was shown and settles what was used; writes nothing for a call that was never begun. */
  fail(error: unknown): void {
    this.#stopTimer();
    if (!this.#begun || this.#options.journal.stopped !== null) return;
    const cancelled = error instanceof LlmError && error.kind === "cancelled";
    const reason = storableText(error instanceof Error ? error.message : String(error));
    const used = sumOf(this.#settled);
    const billed = used.inputTokens + used.outputTokens > 0;
    const text = storableText(this.#text);
    this.#options.journal.add({
      events: [
        ...this.#restOf(text),
        cancelled || text.length === 0 ? this.#endEvent(used) : this.#resetEvent(reason),
        ...(billed ? [this.#usageEvent(used)] : []),
      ],
      messages: text.length === 0 ? [] : [this.#message(cancelled ? "cancelled" : "reset", text, [], used)],
      ends: [
        {
          ...this.#end(cancelled ? "cancelled" : "failed", used),
          error: reason,
          ...(billed ? { usageId: uuidv7() } : {}),
        },
      ],
    });
  }

  #unaccounted(): number | null {
    return sumOf(this.#settled.slice(this.#accounted)).costNanoUsd;
  }

  #flush(): void {
    this.#stopTimer();
    const text = storableText(this.#text.slice(this.#shown));
    if (text.length === 0) return;
    this.#shown = this.#text.length;
    this.#options.journal.add({
      events: [{ type: "message-delta", data: { messageId: this.#messageId, text } }],
    });
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** What of the text is not in the journal yet: stored as a range of the message, shown as text. */
  #restOf(text: string): LiveEvent[] {
    if (text.length <= this.#shown) return [];
    const messageId = this.#messageId;
    const data = { messageId, from: this.#shown, to: text.length };
    return [{ type: "message-delta", data, live: { messageId, text: text.slice(this.#shown) } }];
  }

  #startEvent(): LiveEvent {
    const { step, memberId } = this.#options.call;
    return {
      type: "message-start",
      data: { messageId: this.#messageId, stepId: step.id, memberId, model: this.#model },
    };
  }

  #resetEvent(reason: string): LiveEvent {
    return { type: "message-reset", data: { messageId: this.#messageId, reason } };
  }

  #endEvent(used: Spent): LiveEvent {
    const { inputTokens, outputTokens } = used;
    return { type: "message-end", data: { messageId: this.#messageId, inputTokens, outputTokens } };
  }

  #usageEvent({ inputTokens, outputTokens, costNanoUsd }: Spent): LiveEvent {
    const { call, callId, addCost } = this.#options;
    const totalCostNanoUsd = addCost(costNanoUsd ?? 0);
    const ids = { llmCallId: callId, stepId: call.step.id, model: this.#model };
    return { type: "usage", data: { ...ids, inputTokens, outputTokens, costNanoUsd, totalCostNanoUsd } };
  }

  #message(status: NewMessage["status"], content: string, toolCalls: unknown[], used: Spent): NewMessage {
    const { call } = this.#options;
    return {
      id: this.#messageId,
      stepId: call.step.id,
      memberId: call.memberId,
      role: "assistant",
      status,
      model: this.#model,
      content,
      toolCalls: toolCalls.length > 0 ? toolCalls : null,
      inputTokens: used.inputTokens,
      outputTokens: used.outputTokens,
    };
  }

  #end(state: EndCall["state"], used: Spent): EndCall {
    const { call, callId } = this.#options;
    return {
      id: callId,
      stepId: call.step.id,
      key: call.key,
      memberId: call.memberId,
      messageId: this.#messageId,
      state,
      provider: this.#provider,
      model: this.#model,
      accountId: this.#accountId,
      cacheResult: null,
      response: null,
      error: null,
      trimmed: null,
      attempts: Math.max(1, this.#settled.length),
      latencyMs: null,
      timeToFirstTokenMs: null,
      rateWaitMs: null,
      savedNanoUsd: null,
      reserved: this.#reserved,
      settleNanoUsd: this.#unaccounted(),
      ...used,
    };
  }
}

function sumOf(settled: readonly SettleRequest[]): Spent {
  const sum: Spent = {
    inputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    estimated: false,
    costNanoUsd: 0,
  };
  for (const { usage, costNanoUsd } of settled) {
    sum.inputTokens += usage.inputTokens;
    sum.cacheReadTokens += usage.cacheReadTokens;
    sum.cacheWriteTokens += usage.cacheWriteTokens;
    sum.outputTokens += usage.outputTokens;
    sum.reasoningTokens += usage.reasoningTokens;
    sum.estimated ||= usage.estimated;
    sum.costNanoUsd = costNanoUsd === null || sum.costNanoUsd === null ? null : sum.costNanoUsd + costNanoUsd;
  }
  return sum;
}
