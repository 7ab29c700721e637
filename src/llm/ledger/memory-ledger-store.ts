import type { BudgetLevel } from "#contracts";
import type { LlmCallRecord } from "../records.ts";
import type { BlockOutcome, BudgetScope, LedgerStore } from "./ledger-store.ts";

interface Budget {
  level: BudgetLevel;
  scopeId: string;
  limitNanoUsd: number;
  spentNanoUsd: number;
  reservedNanoUsd: number;
}

/** Budgets and bill of a single process that keeps nothing; for use as a library and for tests. */
export class MemoryLedgerStore implements LedgerStore {
  readonly #budgets: Budget[] = [];
  readonly #blocks = new Map<string, { budgets: Budget[]; left: number }>();
  readonly #keep: number;
  #nextBlock = 1;
  /** The newest calls, oldest first. */
  readonly usage: LlmCallRecord[] = [];

  constructor(options: { keepRecords?: number } = {}) {
    this.#keep = options.keepRecords ?? 1000;
  }

  /** `instance` binds a user's calls, `squad` a squad's. */
  setBudget(level: "instance" | "squad", scopeId: string, limitNanoUsd: number): void {
    this.#budgets.push({ level, scopeId, limitNanoUsd, spentNanoUsd: 0, reservedNanoUsd: 0 });
  }

  budget(scopeId: string): Readonly<Budget> | undefined {
    return this.#budgets.find((budget) => budget.scopeId === scopeId);
  }

  async leaseBlock(scope: BudgetScope, minNanoUsd: number, wantNanoUsd: number): Promise<BlockOutcome> {
    const budgets = this.#budgets.filter(
      (budget) => budget.scopeId === (budget.level === "instance" ? scope.tenantId : scope.squadId),
    );
    if (budgets.length === 0) return { outcome: "unlimited" };
    let amount = wantNanoUsd;
    for (const budget of budgets) {
      const left = budget.limitNanoUsd - budget.spentNanoUsd - budget.reservedNanoUsd;
      if (left < minNanoUsd) {
        return {
          outcome: "budget_exceeded",
          level: budget.level,
          limitNanoUsd: budget.limitNanoUsd,
          spentNanoUsd: budget.spentNanoUsd + budget.reservedNanoUsd,
        };
      }
      // Not all that is left: other processes want to work too.
      amount = Math.min(amount, Math.max(minNanoUsd, Math.floor(left / 4)));
    }
    for (const budget of budgets) budget.reservedNanoUsd += amount;
    const blockId = String(this.#nextBlock++);
    this.#blocks.set(blockId, { budgets, left: amount });
    return { outcome: "granted", blockId, amountNanoUsd: amount };
  }

  async settleBlock(blockId: string, spentNanoUsd: number, close: boolean): Promise<void> {
    const block = this.#blocks.get(blockId);
    if (block === undefined) return;
    const released = Math.min(block.left, close ? block.left : spentNanoUsd);
    block.left -= released;
    for (const budget of block.budgets) {
      budget.reservedNanoUsd -= released;
      budget.spentNanoUsd += spentNanoUsd;
    }
    if (close) this.#blocks.delete(blockId);
  }

  async writeUsage(records: readonly LlmCallRecord[]): Promise<void> {
    this.usage.push(...records);
    if (this.usage.length > this.#keep) this.usage.splice(0, this.usage.length - this.#keep);
  }
}
