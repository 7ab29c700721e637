import type { FrameSink, GatewayCall } from "./call-state.ts";
import { canonicalJson } from "./canonical.ts";
import { asLlmError, LlmError } from "./errors.ts";
import { MicroBatcher } from "./micro-batcher.ts";
import { promptOf, takesPromptArrays } from "./providers/openai-completions.ts";
import type { ProviderTimeouts } from "./providers/provider.ts";
import type { RateGovernor } from "./rate/rate-governor.ts";
import { expectedTokens, requestTokens } from "./tokens.ts";
import type { LlmFinishReason, LlmReply, LlmUsage } from "./types.ts";

export interface PromptBatchesOptions {
  /** Prompts per request, default 10, and how long the first waits for others, default 500 ms. */
  size?: number | undefined;
  waitMs?: number | undefined;
  governor: RateGovernor;
  timeouts: ProviderTimeouts;
}

interface Completed {
  text: string;
  finishReason: LlmFinishReason;
  usage: LlmUsage;
}

/**
 * Prompts of several calls in one request, where the account takes prompt arrays. Only calls of one tenant, account, model
 * and set of parameters share a request; each gets its answer by index and its part of the tokens, which add up to the
 * whole; what one prompt is refused for fails that one. Each call has its own reservation and line of the bill; the
 * request takes one place in the account's windows.
 */
export class PromptBatches {
  readonly #options: PromptBatchesOptions;
  readonly #batcher: MicroBatcher<GatewayCall, Completed | LlmError>;

  constructor(options: PromptBatchesOptions) {
    this.#options = options;
    this.#batcher = new MicroBatcher<GatewayCall, Completed | LlmError>({
      size: options.size ?? 10,
      waitMs: options.waitMs ?? 500,
      run: (_group, calls) => this.#send(calls),
      mayBeOneItem: (error) =>
        error instanceof LlmError && (error.kind === "bad_request" || error.kind === "context_too_long"),
    });
  }

  /** Whether the call may wait for others and its account takes several prompts. */
  takes({ request, context, state }: GatewayCall): boolean {
    const { account, client, model } = state.candidate;
    return (
      context.lane === "micro_batch" &&
      request.form === "completion" &&
      client.completePrompts !== undefined &&
      takesPromptArrays(account, model)
    );
  }

  /** Sends what waits. */
  flush(): void {
    this.#batcher.flushAll();
  }

  async complete(call: GatewayCall, onFrame: FrameSink): Promise<LlmReply> {
    const { state, context } = call;
    const startedAt = performance.now();
    const [completed] = await abortable(this.#batcher.add(groupOf(call), [call], false), context.signal);
    state.providerMs += performance.now() - startedAt;
    if (completed === undefined || completed instanceof LlmError) {
      throw completed ?? new LlmError("protocol", "The provider left out an answer.");
    }
    if (context.stream !== false && completed.text !== "") onFrame({ type: "text", text: completed.text });
    const { candidate } = state;
    return {
      ...completed,
      reasoning: "",
      toolCalls: [],
      model: candidate.model,
      provider: candidate.account.kind,
      accountId: candidate.accountId,
      costNanoUsd: null,
      savedNanoUsd: null,
      cacheResult: state.cacheResult,
      trimmed: state.trimmed,
      attempts: state.attempt,
      latencyMs: 0,
      timeToFirstTokenMs: 0,
      rateWaitMs: 0,
    };
  }

  async #send(calls: GatewayCall[]): Promise<(Completed | LlmError)[]> {
    const first = calls[0] as GatewayCall;
    const { candidate, maxOutputTokens } = first.state;
    const { governor, timeouts } = this.#options;
    // The request goes on as long as one of its callers is there.
    const controller = new AbortController();
    let present = calls.length;
    const leave = (): void => {
      present -= 1;
      if (present === 0) controller.abort();
    };
    for (const { context } of calls) {
      if (context.signal.aborted) leave();
      else context.signal.addEventListener("abort", leave, { once: true });
    }
    const prompts = calls.map(({ request }) => promptOf(request));
    try {
      const permit = await governor.lane(candidate).acquire({
        group: first.context.squadId ?? first.context.tenantId,
        background: true,
        tokens: prompts.reduce((sum, prompt) => sum + expectedTokens(prompt) + maxOutputTokens, 0),
        deadlineMs: earliest(calls),
        signal: controller.signal,
        onWait: () => {},
      });
      try {
        const answer = await candidate.client.completePrompts?.({
          account: candidate.account,
          request: { ...first.request, model: candidate.model },
          prompts,
          maxOutputTokens,
          timeouts,
          signal: controller.signal,
          onLimits: (limits) => governor.learn(candidate, limits),
        });
        if (answer === undefined) throw new LlmError("bad_request", "The provider takes no prompt arrays.");
        permit.onSent();
        permit.onAccepted();
        permit.end(answer.usage, null);
        return share(calls, prompts, answer);
      } catch (thrown) {
        const error = asLlmError(thrown);
        permit.onSent();
        permit.end(null, error);
        throw error;
      }
    } finally {
      for (const { context } of calls) context.signal.removeEventListener("abort", leave);
    }
  }
}

/** What may stand in one request: everything but the prompt is equal, and the answers may be equally long. */
function groupOf({ request, context, state }: GatewayCall): string {
  const { model: _model, messages: _messages, ...parameters } = request;
  const { account, model } = state.candidate;
  return [context.tenantId, account.id, model, state.maxOutputTokens, canonicalJson(parameters)].join("\n");
}

function earliest(calls: readonly GatewayCall[]): number | null {
  const deadlines = calls.map(({ context }) => context.deadlineMs ?? Number.POSITIVE_INFINITY);
  const deadlineMs = Math.min(...deadlines);
  return Number.isFinite(deadlineMs) ? deadlineMs : null;
}

/** Rejects when its caller leaves; the others' request goes on. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new LlmError("cancelled", "The call was cancelled."));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** Splits a sum by weights into whole parts that add up to it. */
function split(sum: number, weights: readonly number[]): number[] {
  let weightLeft = weights.reduce((total, weight) => total + weight, 0);
  let left = sum;
  return weights.map((weight) => {
    const part = weightLeft === 0 ? 0 : Math.round((left * weight) / weightLeft);
    weightLeft -= weight;
    left -= part;
    return part;
  });
}

function share(
  calls: readonly GatewayCall[],
  prompts: readonly string[],
  { answers, usage }: { answers: ({ text: string; finishReason: LlmFinishReason } | null)[]; usage: LlmUsage | null },
): (Completed | LlmError)[] {
  const asked = prompts.map((prompt) => Math.max(1, expectedTokens(prompt)));
  const said = answers.map((answer) => (answer === null ? 0 : expectedTokens(answer.text)));
  const input =
    usage === null ? calls.map((call) => requestTokens(call.request).expected) : split(usage.inputTokens, asked);
  const cached = split(usage?.cacheReadTokens ?? 0, input);
  const output = usage === null ? said : split(usage.outputTokens, said.some((tokens) => tokens > 0) ? said : asked);
  return answers.map((answer, index) => {
    const part: LlmUsage = {
      inputTokens: input[index] as number,
      cacheReadTokens: cached[index] as number,
      cacheWriteTokens: 0,
      outputTokens: output[index] as number,
      reasoningTokens: 0,
      estimated: usage === null,
    };
    if (answer !== null) return { ...answer, usage: part };
    return new LlmError("protocol", "The provider left out an answer.", { seenUsage: part });
  });
}
