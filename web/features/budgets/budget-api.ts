import type { BudgetAnswer } from "#contracts";
import { apiSend } from "../../lib/api.ts";

/** Address of a budget: that of all calls of a person, or of one squad. */
export function budgetPath(target: { squadId: string } | "instance"): string {
  return target === "instance" ? "/api/v1/budgets/instance" : `/api/v1/budgets/squads/${target.squadId}`;
}

/** Sets a budget for the calendar month, in nano-USD. Throws `ApiError`. */
export function setBudget(path: string, limitNanoUsd: number): Promise<BudgetAnswer> {
  return apiSend<BudgetAnswer>("PUT", path, { limitNanoUsd, period: "month" });
}

/** Takes a budget away. Throws `ApiError`. */
export function removeBudget(path: string): Promise<null> {
  return apiSend<null>("DELETE", path);
}
