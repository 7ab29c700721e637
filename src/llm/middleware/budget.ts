import type { GatewayCall, GatewayMiddleware } from "../call-state.ts";
import { asLlmError, LlmError } from "../errors.ts";
import { DEFAULT_MAX_OUTPUT_TOKENS } from "../known-models.ts";
import type { GatewayLedger } from "../ledger/block-ledger.ts";
import { costBounds } from "../prices.ts";
import type { LlmUsage, ReserveOutcome, SettleRequest } from "../types.ts";

/*
 * Budget. Promise: no socket opens before the upper bound of what the call can cost is reserved at every level, in the
 * call's own ledger (an execution's journal) or the gateway's; every attempt is reserved and settled once, failed and
 * cancelled ones with what was seen of their use; the answer's length is shrunk to what the budget allows, down to a
 * floor; a model without a known price is refused where a budget is set. What is granted is what is sent.
 */
export function budgetMiddleware(options: { ledger: GatewayLedger }): GatewayMiddleware {
  return (next) => async (call, onFrame) => {
    const { state } = call;
    const ledger: GatewayLedger = call.context.ledger ?? options.ledger;
    let open = false;
    state.reserve = async () => {
      await reserve(call, ledger);
      open = true;
    };
    state.settle = async (outcome, usage) => {
      if (!open) return;
      open = false;
      await settle(call, ledger, outcome, usage);
    };
    await state.reserve();
    try {
      const reply = await next(call, onFrame);
      await state.settle("done", reply.usage);
      return reply;
    } catch (thrown) {
      const error = asLlmError(thrown);
      await state.settle(error.kind === "cancelled" ? "cancelled" : "failed", error.seenUsage);
      throw error;
    }
  };
}

/** Answers shorter than this help nobody: the call is refused instead of cut. */
const MIN_OUTPUT_TOKENS = 64;

async function reserve(call: GatewayCall, ledger: GatewayLedger): Promise<void> {
  const { state, request, context } = call;
  const { candidate } = state;
  const inputTokens = state.inputTokens(call).bound;
  const bounds = candidate.price === null ? null : costBounds(candidate.price, inputTokens);
  let wanted = request.maxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS;
  if (candidate.maxOutputTokens !== null) wanted = Math.min(wanted, candidate.maxOutputTokens);
  if (candidate.contextTokens !== null && request.maxOutputTokens === undefined) {
    wanted = Math.min(wanted, Math.floor(candidate.contextTokens / 4));
  }
  const outcome = await ledger.reserve(
    {
      callId: context.callId,
      attempt: state.attempt,
      provider: candidate.account.kind,
      accountId: candidate.accountId,
      model: candidate.model,
      inputTokens,
      maxOutputTokens: wanted,
      minOutputTokens: Math.min(wanted, MIN_OUTPUT_TOKENS),
      inputCostNanoUsd: bounds?.inputNanoUsd ?? null,
      outputNanoUsdPerToken: bounds?.outputNanoUsdPerToken ?? null,
    },
    context,
  );
  if (outcome.outcome !== "granted") throw refusal(outcome, candidate.model);
  state.maxOutputTokens = outcome.maxOutputTokens;
}

async function settle(
  call: GatewayCall,
  ledger: GatewayLedger,
  outcome: SettleRequest["outcome"],
  usage: LlmUsage | undefined,
): Promise<void> {
  const { state, context } = call;
  await ledger.settle(
    {
      callId: context.callId,
      attempt: state.attempt,
      outcome,
      usage: usage ?? noUsage,
      costNanoUsd: usage === undefined ? 0 : state.costOf(usage),
    },
    context,
  );
}

const noUsage: LlmUsage = {
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  estimated: false,
};

/** Exact, with two decimals at least: small budgets are no zeros. */
const dollars = (nanoUsd: number): string =>
  `$${(nanoUsd / 1_000_000_000).toFixed(9).replace(/(\.\d\d\d*?)0+$/, "$1")}`;

function refusal(outcome: Exclude<ReserveOutcome, { outcome: "granted" }>, model: string): LlmError {
  switch (outcome.outcome) {
    case "budget_exceeded":
      return new LlmError(
        "budget_exceeded",
        `The ${outcome.level} budget of ${dollars(outcome.limitNanoUsd)} does not allow this call (${dollars(outcome.spentNanoUsd)} are spent or reserved). Raise the budget or wait for the next month.`,
        { extra: { level: outcome.level, limitNanoUsd: outcome.limitNanoUsd, spentNanoUsd: outcome.spentNanoUsd } },
      );
    case "price_unknown":
      return new LlmError(
        "price_unknown",
        `The price of ${model} is not known and the ${outcome.level} has a budget. Set the model's price in its provider account, choose another model, or remove the budget.`,
        { extra: { level: outcome.level, model } },
      );
    case "stop":
      return new LlmError("stopped", `The call was stopped before it began: ${outcome.reason}.`);
  }
}
