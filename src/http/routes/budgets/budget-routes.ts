import {
  BudgetAnswer,
  BudgetListQuery,
  BudgetPage,
  ExecutionParams,
  PutBudgetBody,
  PutExecutionBudgetBody,
  SquadParams,
} from "#contracts";
import { executionTag, listBudgets, readBudget, removeBudget, setBudget, setExecutionBudget } from "#domain";
import { expectFound, expectOk } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";

const tag = "budgets";
const changes = ["budgets", "squads", "usage"] as const;

/** Limits of what may be spent: of all calls of the caller, of single squads, of single executions. */
export function budgetRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/budgets",
      operationId: "listBudgets",
      tag,
      summary: "The caller's budgets",
      policy: "user",
      query: BudgetListQuery,
      answer: BudgetPage,
      cache: { seconds: 60, areas: ["budgets", "squads"] },
      handle: ({ db, caller, query }) => listBudgets(db, caller, query),
    }),
    ...instanceRoutes(),
    ...squadBudgetRoutes(),
    ...executionBudgetRoutes(),
  ];
}

function instanceRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/budgets/instance",
      operationId: "readInstanceBudget",
      tag,
      summary: "The budget of all calls of the caller",
      policy: "user",
      answer: BudgetAnswer,
      handle: async ({ db, caller }) => ({
        budget: expectFound(await readBudget(db, caller, "instance", caller.userId), "budget"),
      }),
    }),
    defineRoute({
      method: "PUT",
      path: "/api/v1/budgets/instance",
      operationId: "setInstanceBudget",
      tag,
      summary: "Limits all calls of the caller",
      policy: "user",
      body: PutBudgetBody,
      answer: BudgetAnswer,
      changes,
      handle: async ({ db, caller, body, deps, afterCommit }) => {
        const { budget } = expectOk(await setBudget(db, caller, { level: "instance" }, body));
        afterCommit(() => deps.onBudgetsChanged?.(caller.userId));
        return { budget };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/api/v1/budgets/instance",
      operationId: "removeInstanceBudget",
      tag,
      summary: "Takes the limit of all calls away",
      policy: "user",
      answer: null,
      changes,
      handle: async ({ db, caller }) => {
        expectOk(await removeBudget(db, caller, { level: "instance" }));
        return undefined;
      },
    }),
  ];
}

function squadBudgetRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/budgets/squads/:squadId",
      operationId: "readSquadBudget",
      tag,
      summary: "The budget of a squad",
      policy: "user",
      params: SquadParams,
      answer: BudgetAnswer,
      handle: async ({ db, caller, params }) => ({
        budget: expectFound(await readBudget(db, caller, "squad", params.squadId), "budget of a squad"),
      }),
    }),
    defineRoute({
      method: "PUT",
      path: "/api/v1/budgets/squads/:squadId",
      operationId: "setSquadBudget",
      tag,
      summary: "Limits the calls of a squad",
      policy: "user",
      params: SquadParams,
      body: PutBudgetBody,
      answer: BudgetAnswer,
      changes,
      handle: async ({ db, caller, params, body, deps, afterCommit }) => {
        const { budget } = expectOk(await setBudget(db, caller, { level: "squad", squadId: params.squadId }, body));
        afterCommit(() => deps.onBudgetsChanged?.(caller.userId));
        return { budget };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/api/v1/budgets/squads/:squadId",
      operationId: "removeSquadBudget",
      tag,
      summary: "Takes the limit of a squad away",
      policy: "user",
      params: SquadParams,
      answer: null,
      changes,
      handle: async ({ db, caller, params }) => {
        expectOk(await removeBudget(db, caller, { level: "squad", squadId: params.squadId }));
        return undefined;
      },
    }),
  ];
}

function executionBudgetRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/budgets/executions/:executionId",
      operationId: "readExecutionBudget",
      tag,
      summary: "The budget of an execution",
      policy: "user",
      params: ExecutionParams,
      answer: BudgetAnswer,
      handle: async ({ db, caller, params }) => ({
        budget: expectFound(await readBudget(db, caller, "execution", params.executionId), "budget of an execution"),
      }),
    }),
    defineRoute({
      method: "PUT",
      path: "/api/v1/budgets/executions/:executionId",
      operationId: "setExecutionBudget",
      tag,
      summary: "Limits what an execution may cost; raise it and resume one that stopped at its budget",
      policy: "user",
      params: ExecutionParams,
      body: PutExecutionBudgetBody,
      answer: BudgetAnswer,
      changes: [...changes, "executions"],
      handle: async ({ db, caller, params, body, touch }) => {
        const { executionId } = params;
        touch(executionTag(executionId));
        expectOk(await setExecutionBudget(db, caller, executionId, body.limitNanoUsd));
        return {
          budget: expectFound(await readBudget(db, caller, "execution", executionId), "budget of an execution"),
        };
      },
    }),
  ];
}
