import type { LlmCallContext, ReserveOutcome, ReserveRequest, SettleRequest } from "../types.ts";
import type { BlockOutcome, BudgetScope, LedgerStore } from "./ledger-store.ts";

/** Where the gateway reserves and settles plain calls. A `CallLedger` is one too. */
export interface GatewayLedger {
  reserve(request: ReserveRequest, context: LlmCallContext): Promise<ReserveOutcome>;
  settle(request: SettleRequest, context: LlmCallContext): Promise<void>;
}

export interface BlockLedgerOptions {
  store: LedgerStore;
  now: () => number;
  /** How long a scope counts as free of budgets before it is asked again. */
  recheckMs?: number;
  /** How often spending is booked, and how long an unused block is kept. */
  settleMs?: number;
  onError: (error: unknown) => void;
}

interface Block {
  id: string;
  left: number;
  /** Spent since it was last booked. */
  unbooked: number;
  inFlight: number;
  usedAtMs: number;
  bookedAtMs: number;
  retired: boolean;
}

interface ScopeState {
  scope: BudgetScope;
  unlimitedUntilMs: number;
  block: Block | null;
  leasing: Promise<BlockOutcome> | null;
  /** Decaying sum of what calls cost lately: the size of the next block follows it. */
  recentNanoUsd: number;
}

interface Reservation {
  block: Block | null;
  amount: number;
}

const RENEW_MS = 15_000;
/** A new block is worth this many calls of the size just seen. */
const CALLS_PER_BLOCK = 8;

/**
 * Budgets of plain calls without a disk write per call: a slice of each budget is leased from the store, calls reserve
 * within it in memory, and what was spent is booked in groups. A crash leaves the open slice reserved until a sweep
 * settles it as lost: a limit can be reached early, never passed.
 */
export class BlockLedger implements GatewayLedger {
  readonly #options: Required<Omit<BlockLedgerOptions, "onError">> & Pick<BlockLedgerOptions, "onError">;
  readonly #scopes = new Map<string, ScopeState>();
  readonly #reservations = new Map<string, Reservation>();
  readonly #blocks = new Set<Block>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: BlockLedgerOptions) {
    this.#options = { recheckMs: 2000, settleMs: 500, ...options };
  }

  /** Reservations that are open now; 0 at rest. */
  get open(): number {
    return this.#reservations.size;
  }

  async reserve(request: ReserveRequest, context: LlmCallContext): Promise<ReserveOutcome> {
    const state = this.#scope(context);
    for (let round = 0; ; round += 1) {
      const now = this.#options.now();
      if (state.unlimitedUntilMs > now) return { outcome: "granted", maxOutputTokens: request.maxOutputTokens };
      const known = request.inputCostNanoUsd !== null && request.outputNanoUsdPerToken !== null;
      const inputCost = request.inputCostNanoUsd ?? 0;
      const perToken = request.outputNanoUsdPerToken ?? 0;
      const most = inputCost + request.maxOutputTokens * perToken;
      const least = inputCost + request.minOutputTokens * perToken;
      const block = state.block;
      if (known && block !== null && (block.left >= most || (round > 0 && block.left >= least))) {
        return this.#grant(request, state, block, inputCost, perToken);
      }
      const outcome = await this.#lease(state, least, most);
      if (outcome.outcome === "budget_exceeded") {
        // What is left in hand may still do for a shorter answer.
        const rest = state.block;
        if (known && rest !== null && rest.left >= least) return this.#grant(request, state, rest, inputCost, perToken);
        return outcome;
      }
      if (outcome.outcome === "granted" && !known) return { outcome: "price_unknown", level: "instance" };
      if (round > 20) return { outcome: "budget_exceeded", level: "instance", limitNanoUsd: 0, spentNanoUsd: 0 };
    }
  }

  async settle(request: SettleRequest, _context: LlmCallContext): Promise<void> {
    const key = `${request.callId}/${request.attempt}`;
    const reservation = this.#reservations.get(key);
    if (reservation === undefined) return;
    this.#reservations.delete(key);
    const { block, amount } = reservation;
    if (block === null) return;
    // Unknown cost under a budget cannot happen (it is refused); should it, the whole reservation counts.
    const cost = request.costNanoUsd ?? amount;
    block.left += amount - cost;
    block.unbooked += cost;
    block.inFlight -= 1;
    this.#schedule();
  }

  /** A budget was set or changed: ask the store before the next call. */
  budgetsChanged(tenantId: string): void {
    for (const state of this.#scopes.values()) if (state.scope.tenantId === tenantId) state.unlimitedUntilMs = 0;
  }

  /** Books everything and gives the rest of all blocks back. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const blocks = [...this.#blocks];
    for (const state of this.#scopes.values()) state.block = null;
    await Promise.all(blocks.map((block) => this.#book(block, true)));
  }

  #scope(context: LlmCallContext): ScopeState {
    const key = `${context.tenantId}/${context.squadId ?? ""}`;
    let state = this.#scopes.get(key);
    if (state === undefined) {
      if (this.#scopes.size > 10_000) this.#forgetIdle();
      const scope = { tenantId: context.tenantId, squadId: context.squadId };
      state = { scope, unlimitedUntilMs: 0, block: null, leasing: null, recentNanoUsd: 0 };
      this.#scopes.set(key, state);
    }
    return state;
  }

  #grant(
    request: ReserveRequest,
    state: ScopeState,
    block: Block,
    inputCost: number,
    perToken: number,
  ): ReserveOutcome {
    const affordable = perToken === 0 ? request.maxOutputTokens : Math.floor((block.left - inputCost) / perToken);
    const maxOutputTokens = Math.min(request.maxOutputTokens, affordable);
    const amount = inputCost + maxOutputTokens * perToken;
    block.left -= amount;
    block.inFlight += 1;
    block.usedAtMs = this.#options.now();
    state.recentNanoUsd = state.recentNanoUsd * 0.9 + amount * 0.1;
    this.#reservations.set(`${request.callId}/${request.attempt}`, { block, amount });
    return { outcome: "granted", maxOutputTokens };
  }

  /** One lease at a time per scope; whoever comes meanwhile waits for it and then tries again. */
  async #lease(state: ScopeState, least: number, most: number): Promise<BlockOutcome> {
    if (state.leasing !== null) {
      await state.leasing;
      return { outcome: "unlimited" };
    }
    const want = Math.max(most, Math.ceil(state.recentNanoUsd * CALLS_PER_BLOCK), most * 2);
    state.leasing = this.#options.store.leaseBlock(state.scope, least, want);
    try {
      const outcome = await state.leasing;
      if (outcome.outcome === "unlimited") state.unlimitedUntilMs = this.#options.now() + this.#options.recheckMs;
      if (outcome.outcome === "granted") this.#accept(state, outcome);
      return outcome;
    } finally {
      state.leasing = null;
    }
  }

  #accept(state: ScopeState, outcome: Extract<BlockOutcome, { outcome: "granted" }>): void {
    const previous = state.block;
    const block: Block = {
      id: outcome.blockId,
      left: outcome.amountNanoUsd,
      unbooked: 0,
      inFlight: 0,
      usedAtMs: this.#options.now(),
      bookedAtMs: this.#options.now(),
      retired: false,
    };
    this.#blocks.add(block);
    state.block = block;
    // The old block's rest goes back once its last call is settled.
    if (previous !== null) previous.retired = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#bookAll();
    }, this.#options.settleMs);
    this.#timer.unref();
  }

  #bookAll(): void {
    const now = this.#options.now();
    for (const state of this.#scopes.values()) {
      const block = state.block;
      if (block === null || block.inFlight > 0 || now - block.usedAtMs < this.#options.settleMs) continue;
      block.retired = true;
      state.block = null;
    }
    for (const block of this.#blocks) {
      const close = block.retired && block.inFlight === 0;
      // A long call keeps its block open: without a sign of life it would be swept as lost.
      const renew = now - block.bookedAtMs > RENEW_MS;
      if (block.unbooked > 0 || close || renew) this.#book(block, close).catch(this.#options.onError);
    }
    if (this.#blocks.size > 0) this.#schedule();
  }

  async #book(block: Block, close: boolean): Promise<void> {
    const spent = block.unbooked;
    block.unbooked = 0;
    block.bookedAtMs = this.#options.now();
    if (close) this.#blocks.delete(block);
    try {
      await this.#options.store.settleBlock(block.id, spent, close);
    } catch (error) {
      // Keep it for the next round; the money stays reserved meanwhile.
      block.unbooked += spent;
      if (close) this.#blocks.add(block);
      throw error;
    }
  }

  #forgetIdle(): void {
    for (const [key, state] of this.#scopes) {
      if (state.block === null && state.leasing === null) this.#scopes.delete(key);
    }
  }
}
