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
  /** How long a call waits at a limit for money that running calls hold but may not need. */
  waitMs?: number | undefined;
  onError: (error: unknown) => void;
}

interface Block {
  id: string;
  left: number;
  /** Spent since it was last booked. */
  unbooked: number;
  /** What its running calls may need at most. */
  held: number;
  inFlight: number;
  usedAtMs: number;
  bookedAtMs: number;
  /** Ends with the booking under way. One follows the other: a closing that overtook a booking would lose what it spent. */
  booking: Promise<void>;
}

interface ScopeState {
  scope: BudgetScope;
  unlimitedUntilMs: number;
  /** Newest last. A call uses any that has room for it. */
  blocks: Block[];
  leasing: Promise<BlockOutcome> | null;
  /** Decaying sum of what calls cost lately: the size of the next block follows it. */
  recentNanoUsd: number;
  /** How often money came back: tells whether it did while somebody looked elsewhere. */
  returns: number;
  /** Blocks on their way back to the store. */
  returning: number;
  /** Calls at the limit, told when money came back. */
  waiters: Set<() => void>;
}

interface Reservation {
  state: ScopeState;
  block: Block;
  amount: number;
}

/** What a call needs: its whole upper bound, or the least that gives a useful answer. */
interface Need {
  known: boolean;
  inputCost: number;
  perToken: number;
  most: number;
  least: number;
}

const RENEW_MS = 15_000;
/** A new block is worth this many calls of the size just seen. */
const CALLS_PER_BLOCK = 8;

/**
 * Budgets of plain calls without a disk write per call: a slice of each budget is leased from the store, calls reserve
 * within it in memory, and what was spent is booked in groups. A crash leaves the open slice reserved until a sweep
 * settles it as lost: a limit can be reached early, never passed. At the limit a call waits a little for running calls of
 * this process (they reserve their upper bound and mostly need less), then takes a shorter answer, then is refused.
 */
export class BlockLedger implements GatewayLedger {
  readonly #options: BlockLedgerOptions & { recheckMs: number; settleMs: number; waitMs: number };
  readonly #scopes = new Map<string, ScopeState>();
  readonly #reservations = new Map<string, Reservation>();
  /** Blocks on their way back: who closes waits for them too. */
  readonly #returning = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: BlockLedgerOptions) {
    this.#options = { recheckMs: 2000, settleMs: 500, ...options, waitMs: options.waitMs ?? 5000 };
  }

  /** Reservations that are open now; 0 at rest. */
  get open(): number {
    return this.#reservations.size;
  }

  async reserve(request: ReserveRequest, context: LlmCallContext): Promise<ReserveOutcome> {
    const state = this.#scope(context);
    const need = needOf(request);
    const waitUntilMs = Math.min(this.#options.now() + this.#options.waitMs, context.deadlineMs ?? Infinity);
    for (;;) {
      if (state.unlimitedUntilMs > this.#options.now()) {
        return { outcome: "granted", maxOutputTokens: request.maxOutputTokens };
      }
      const block = need.known ? state.blocks.findLast(({ left }) => left >= need.most) : undefined;
      if (block !== undefined) return this.#grant(request, state, block, need);
      const { returns } = state;
      const outcome = await this.#lease(state, need);
      if (outcome.outcome === "granted" && !need.known) return { outcome: "price_unknown", level: "instance" };
      if (outcome.outcome !== "budget_exceeded") continue;
      // Rests of several blocks may make one call: they go back before anybody is refused.
      const idle = state.blocks.filter(({ inFlight }) => inFlight === 0);
      await Promise.all(idle.map((unused) => this.#giveBack(state, unused)));
      const waitMs = waitUntilMs - this.#options.now();
      const worthIt = waitMs > 0 && !context.signal.aborted && mayComeBack(state, need, outcome);
      if (idle.length > 0 || (worthIt && state.returns !== returns)) continue;
      if (!worthIt) return this.#shorter(request, state, need, outcome);
      await moneyBack(state, waitMs, context.signal);
    }
  }

  async settle(request: SettleRequest, _context: LlmCallContext): Promise<void> {
    const key = `${request.callId}/${request.attempt}`;
    const reservation = this.#reservations.get(key);
    if (reservation === undefined) return;
    this.#reservations.delete(key);
    const { state, block, amount } = reservation;
    // Unknown cost under a budget cannot happen (it is refused); should it, the whole reservation counts.
    const cost = request.costNanoUsd ?? amount;
    block.left += amount - cost;
    block.unbooked += cost;
    block.held -= amount;
    block.inFlight -= 1;
    this.#schedule();
    tellReturn(state);
  }

  /** A budget was set or changed: ask the store before the next call. */
  budgetsChanged(tenantId: string): void {
    for (const state of this.#scopes.values()) if (state.scope.tenantId === tenantId) state.unlimitedUntilMs = 0;
  }

  /** Books everything and gives the rest of all blocks back. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const states = [...this.#scopes.values()];
    await Promise.all(states.flatMap((state) => state.blocks.map((block) => this.#giveBack(state, block))));
    await Promise.all(this.#returning);
  }

  #scope(context: LlmCallContext): ScopeState {
    const key = `${context.tenantId}/${context.squadId ?? ""}`;
    let state = this.#scopes.get(key);
    if (state === undefined) {
      if (this.#scopes.size > 10_000) this.#forgetIdle();
      const scope = { tenantId: context.tenantId, squadId: context.squadId };
      state = {
        scope,
        unlimitedUntilMs: 0,
        blocks: [],
        leasing: null,
        recentNanoUsd: 0,
        returns: 0,
        returning: 0,
        waiters: new Set(),
      };
      this.#scopes.set(key, state);
    }
    return state;
  }

  #grant(request: ReserveRequest, state: ScopeState, block: Block, need: Need): ReserveOutcome {
    const { inputCost, perToken } = need;
    const affordable = perToken === 0 ? request.maxOutputTokens : Math.floor((block.left - inputCost) / perToken);
    const maxOutputTokens = Math.min(request.maxOutputTokens, affordable);
    const amount = inputCost + maxOutputTokens * perToken;
    block.left -= amount;
    block.held += amount;
    block.inFlight += 1;
    block.usedAtMs = this.#options.now();
    state.recentNanoUsd = state.recentNanoUsd * 0.9 + amount * 0.1;
    this.#reservations.set(`${request.callId}/${request.attempt}`, { state, block, amount });
    return { outcome: "granted", maxOutputTokens };
  }

  /** The whole answer cannot be paid: as much of it as what is left allows, from a block in hand or from the store. */
  async #shorter(
    request: ReserveRequest,
    state: ScopeState,
    need: Need,
    refusal: Extract<BlockOutcome, { outcome: "budget_exceeded" }>,
  ): Promise<ReserveOutcome> {
    if (!need.known) return refusal;
    const rest = refusal.limitNanoUsd - refusal.spentNanoUsd;
    // Another level may have even less: its refusal is then the answer.
    if (rest >= need.least) {
      const amount = Math.min(rest, need.most);
      while (state.leasing !== null) await state.leasing;
      await this.#lease(state, { ...need, most: amount }, amount);
    }
    const block = state.blocks.findLast(({ left }) => left >= need.least);
    return block === undefined ? refusal : this.#grant(request, state, block, need);
  }

  /** One lease at a time per scope; whoever comes meanwhile waits for it, shares its refusal or tries again. */
  async #lease(state: ScopeState, { most }: Need, want?: number): Promise<BlockOutcome | { outcome: "again" }> {
    if (state.leasing !== null) {
      const outcome = await state.leasing;
      const refused = outcome.outcome === "budget_exceeded" && outcome.limitNanoUsd - outcome.spentNanoUsd < most;
      return refused ? outcome : { outcome: "again" };
    }
    const usual = Math.max(Math.ceil(state.recentNanoUsd * CALLS_PER_BLOCK), most * 2);
    state.leasing = this.#options.store.leaseBlock(state.scope, most, want ?? usual);
    try {
      const outcome = await state.leasing;
      if (outcome.outcome === "unlimited") state.unlimitedUntilMs = this.#options.now() + this.#options.recheckMs;
      if (outcome.outcome === "granted") this.#accept(state, outcome);
      return outcome;
    } finally {
      state.leasing = null;
    }
  }

  #accept(state: ScopeState, outcome: Extract<BlockOutcome, { outcome: "granted" }>): Block {
    const now = this.#options.now();
    const block: Block = {
      id: outcome.blockId,
      left: outcome.amountNanoUsd,
      unbooked: 0,
      held: 0,
      inFlight: 0,
      usedAtMs: now,
      bookedAtMs: now,
      booking: Promise.resolve(),
    };
    state.blocks.push(block);
    this.#schedule();
    return block;
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
    let open = false;
    for (const state of this.#scopes.values()) {
      const newest = state.blocks.at(-1);
      for (const block of [...state.blocks]) {
        const idle = block !== newest || now - block.usedAtMs >= this.#options.settleMs;
        if (block.inFlight === 0 && idle) this.#giveBack(state, block).catch(this.#options.onError);
        // A long call keeps its block open: without a sign of life it would be swept as lost.
        else if (block.unbooked > 0 || now - block.bookedAtMs > RENEW_MS) {
          this.#book(block, false).catch(this.#options.onError);
        }
      }
      open ||= state.blocks.length > 0;
    }
    if (open) this.#schedule();
  }

  /** Books the block and returns its rest; nobody can reserve in it any more. */
  #giveBack(state: ScopeState, block: Block): Promise<void> {
    const position = state.blocks.indexOf(block);
    if (position < 0) return Promise.resolve();
    state.blocks.splice(position, 1);
    const returning = this.#return(state, block).finally(() => this.#returning.delete(returning));
    this.#returning.add(returning);
    return returning;
  }

  async #return(state: ScopeState, block: Block): Promise<void> {
    state.returning += 1;
    try {
      await this.#book(block, true);
    } catch (error) {
      // Oldest, so that new calls prefer others; the next round tries again.
      state.blocks.unshift(block);
      this.#schedule();
      throw error;
    } finally {
      state.returning -= 1;
      tellReturn(state);
    }
  }

  #book(block: Block, close: boolean): Promise<void> {
    const booking = block.booking.then(() => this.#bookNow(block, close));
    // Whoever asked for it hears of a failure; the next booking tries again.
    block.booking = booking.catch(() => undefined);
    return booking;
  }

  async #bookNow(block: Block, close: boolean): Promise<void> {
    const spent = block.unbooked;
    block.unbooked = 0;
    block.bookedAtMs = this.#options.now();
    try {
      await this.#options.store.settleBlock(block.id, spent, close);
    } catch (error) {
      // Keep it for the next round; the money stays reserved meanwhile.
      block.unbooked += spent;
      throw error;
    }
  }

  #forgetIdle(): void {
    for (const [key, state] of this.#scopes) {
      const idle = state.blocks.length === 0 && state.leasing === null && state.returning === 0;
      if (idle && state.waiters.size === 0) this.#scopes.delete(key);
    }
  }
}

function needOf(request: ReserveRequest): Need {
  const inputCost = request.inputCostNanoUsd ?? 0;
  const perToken = request.outputNanoUsdPerToken ?? 0;
  return {
    known: request.inputCostNanoUsd !== null && request.outputNanoUsdPerToken !== null,
    inputCost,
    perToken,
    most: inputCost + request.maxOutputTokens * perToken,
    least: inputCost + request.minOutputTokens * perToken,
  };
}

/** Whether running calls of this process hold enough for the whole call, should they need nothing of it. */
function mayComeBack(state: ScopeState, need: Need, refusal: Extract<BlockOutcome, { outcome: "budget_exceeded" }>) {
  if (!need.known) return false;
  if (state.returning > 0) return true;
  let held = 0;
  for (const block of state.blocks) if (block.inFlight > 0) held += block.left + block.held;
  return held > 0 && refusal.limitNanoUsd - refusal.spentNanoUsd + held >= need.most;
}

function tellReturn(state: ScopeState): void {
  state.returns += 1;
  for (const wake of [...state.waiters]) wake();
}

/** Resolves when money came back into the scope, the caller left or the time is over. */
function moneyBack(state: ScopeState, waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      state.waiters.delete(wake);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, waitMs);
    state.waiters.add(wake);
    signal.addEventListener("abort", wake, { once: true });
  });
}
