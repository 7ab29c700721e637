export { listBudgets, readBudget, toBudgetState } from "./budgets.queries.ts";
export { type BudgetTarget, removeBudget, setBudget } from "./set-budget.ts";
export { setExecutionBudget } from "./set-execution-budget.ts";
