"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import type { Budget } from "#contracts";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Field, Input } from "../../components/ui/field.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { Failure, Skeleton } from "../../components/ui/states.tsx";
import { messageOf } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone, toastError } from "../../lib/toast.ts";
import { budgetPath, removeBudget, setBudget } from "../budgets/budget-api.ts";
import { BudgetLine } from "../budgets/budget-line.tsx";

const NANO_USD = 1_000_000_000;

/** What may be spent: in all, and by each squad. */
export default function BudgetsPart() {
  const { data, error, refetch } = useQuery({ ...queries.budgets(), staleTime: 5000 });
  if (error && !data) return <Failure error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton className="h-72 rounded-lg" />;
  const whole = data.find((budget) => budget.level === "instance") ?? null;
  const squads = data.filter((budget) => budget.level === "squad");
  return (
    <div className="flex flex-col gap-4">
      <Panel title="All your squads together, per month">
        <BudgetForm key={whole?.updatedAt ?? "none"} budget={whole} />
      </Panel>
      <Panel title="Squads">
        {squads.length === 0 ? (
          <p className="px-3 py-8 text-center text-muted">
            No squad has a budget of its own. Set one in the squad's builder.
          </p>
        ) : (
          <ul className="divide-y divide-line">
            {squads.map((budget) => (
              <li key={budget.id}>
                <AppLink
                  href={`/squads/${budget.scopeId}`}
                  className="block px-3 py-2.5 -outline-offset-2 hover:bg-hover"
                >
                  <BudgetLine budget={budget} name={budget.scopeName ?? "Squad"} />
                </AppLink>
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </div>
  );
}

function BudgetForm({ budget }: { budget: Budget | null }) {
  const client = useQueryClient();
  const [text, setText] = useState(budget ? String(budget.limitNanoUsd / NANO_USD) : "");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();
  const path = budgetPath("instance");
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const amount = Number(text);
    if (text.trim() === "" || !(amount >= 0 && amount <= 1_000_000)) {
      setFailure("Write an amount such as 25 or 0.50.");
      return;
    }
    setBusy(true);
    setFailure(undefined);
    try {
      await setBudget(path, Math.round(amount * NANO_USD));
      await invalidate(client, "/budgets", "/dashboard");
      toastDone("Budget saved");
    } catch (error) {
      setFailure(messageOf(error));
    }
    setBusy(false);
  };
  const remove = async () => {
    try {
      await removeBudget(path);
      await invalidate(client, "/budgets", "/dashboard");
      const limit = budget?.limitNanoUsd;
      toastDone(
        "Budget removed",
        limit === undefined
          ? undefined
          : () =>
              void setBudget(path, limit).then(
                () => invalidate(client, "/budgets", "/dashboard"),
                (error) => toastError("The budget is still removed", error),
              ),
      );
    } catch (error) {
      toastError("The budget was not removed", error);
    }
  };
  return (
    <form onSubmit={(event) => void save(event)} className="flex flex-col gap-3 p-4">
      {budget && <BudgetLine budget={budget} name="Spent" />}
      <div className="flex flex-wrap items-start gap-2">
        <Field
          label="Limit in US dollars"
          htmlFor="budget-limit"
          error={failure}
          hint="A call that it does not cover is not made; work stops and can be retried."
          className="min-w-60 flex-1"
        >
          <Input
            id="budget-limit"
            inputMode="decimal"
            placeholder="none"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </Field>
        <div className="flex gap-2 pt-5.5">
          <Button type="submit" look="primary" busy={busy}>
            {budget ? "Change" : "Set"}
          </Button>
          {budget && <Button onClick={() => void remove()}>Remove</Button>}
        </div>
      </div>
    </form>
  );
}
