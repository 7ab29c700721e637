import type { BudgetLevel } from "#contracts";
import type { LlmCallRecord } from "../records.ts";

/** Whose budgets bind a plain call: the user's own and the squad's, where it has one. */
export interface BudgetScope {
  tenantId: string;
  squadId: string | null;
}

export type BlockOutcome =
  /** No budget binds this scope now. */
  | { outcome: "unlimited" }
  /** `blockId` stands for the same amount reserved at every level that binds the scope. */
  | { outcome: "granted"; blockId: string; amountNanoUsd: number }
  | { outcome: "budget_exceeded"; level: BudgetLevel; limitNanoUsd: number; spentNanoUsd: number };

/**
 * Where plain calls keep their money and their bill.
 *
 * Contract: `leaseBlock` reserves between `minNanoUsd` and `wantNanoUsd` at every level in one step, never more than is
 * left at any, less than is wanted as the limit nears; `settleBlock` books what was spent out of a block since the last
 * time and, when `close` is set, releases the rest; `writeUsage` is idempotent by call id. A block whose process died is
 * settled by a sweep as lost, so a limit may be reached early but never passed.
 */
export interface LedgerStore {
  leaseBlock(scope: BudgetScope, minNanoUsd: number, wantNanoUsd: number): Promise<BlockOutcome>;
  settleBlock(blockId: string, spentNanoUsd: number, close: boolean): Promise<void>;
  writeUsage(records: readonly LlmCallRecord[]): Promise<void>;
}
