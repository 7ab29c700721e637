import { type Static, Type } from "typebox";
import { budgetLevels } from "../closed-sets.ts";
import { Id, Money, MoneyLimit, nullable, object, pageOf, pageQuery, Timestamp } from "./common.ts";

export const budgetPeriods = ["total", "month"] as const;
export type BudgetPeriod = (typeof budgetPeriods)[number];

/** What a budget allows and what of it is gone; months are UTC. */
export const BudgetState = object({
  limitNanoUsd: Money,
  spentNanoUsd: Money,
  reservedNanoUsd: Money,
  period: Type.Enum(budgetPeriods),
});
export type BudgetState = Static<typeof BudgetState>;

export const Budget = object({
  id: Id,
  level: Type.Enum(budgetLevels),
  scopeId: Id,
  scopeName: nullable(Type.String({ description: "Name of the squad; null at the instance level" })),
  period: Type.Enum(budgetPeriods),
  periodStart: Type.String({ description: "First day of the current period, YYYY-MM-DD" }),
  limitNanoUsd: Money,
  spentNanoUsd: Money,
  reservedNanoUsd: Money,
  createdAt: Timestamp,
  updatedAt: Timestamp,
});
export type Budget = Static<typeof Budget>;

/** Budgets of the instance and of squads; that of an execution comes with the execution. */
export const BudgetPage = pageOf(Budget);
export type BudgetPage = Static<typeof BudgetPage>;
export const BudgetListQuery = object(pageQuery);
export const BudgetAnswer = object({ budget: Budget });
export type BudgetAnswer = Static<typeof BudgetAnswer>;

/** A limit below what is spent already is stored as what is spent: nothing more can be bought. */
export const PutBudgetBody = object({ limitNanoUsd: MoneyLimit, period: Type.Optional(Type.Enum(budgetPeriods)) });
export type PutBudgetBody = Static<typeof PutBudgetBody>;
/** An execution has no months: its budget is for the whole of it. */
export const PutExecutionBudgetBody = object({ limitNanoUsd: MoneyLimit });
export type PutExecutionBudgetBody = Static<typeof PutExecutionBudgetBody>;
