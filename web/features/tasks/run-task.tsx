"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useState } from "react";
import type { CreateExecutionBody, ExecutionStateAnswer } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import { inputClass, Select } from "../../components/ui/field.tsx";
import { apiSend } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { toastError } from "../../lib/toast.ts";
import { useGo } from "../../lib/use-route.ts";

interface RunTaskProps {
  taskId: string;
  squadId: string | null;
  /** Why it cannot be started now. */
  blocked: string | null;
  onStarted: () => void;
}

/** Starts an execution, now or deferred, with a budget of its own if wanted, and goes to watch it. */
export function RunTask({ taskId, squadId, blocked, onStarted }: RunTaskProps) {
  const client = useQueryClient();
  const go = useGo();
  const [busy, setBusy] = useState(false);
  const [budget, setBudget] = useState("");
  const [deferred, setDeferred] = useState(false);
  // Kept over attempts: a repeated press starts one execution, not two.
  const [key, setKey] = useState(() => crypto.randomUUID());
  const amount = budget.trim() === "" ? null : Number(budget);
  const wrong = amount !== null && !(amount >= 0 && amount <= 1_000_000);
  const reason =
    blocked ??
    (squadId
      ? wrong
        ? "Write a budget such as 5 or 0.50, or none."
        : null
      : "Choose a squad and save to run this task.");
  const run = async () => {
    setBusy(true);
    const body: CreateExecutionBody = {
      ...(amount === null ? {} : { budgetUsd: amount }),
      ...(deferred ? { deferred: true } : {}),
    };
    try {
      const { execution } = await apiSend<ExecutionStateAnswer>(
        "POST",
        `/api/v1/tasks/${taskId}/executions`,
        body,
        key,
      );
      void invalidate(client, "/tasks", "/dashboard", "/executions");
      onStarted();
      go(`/executions/${execution.id}`);
    } catch (error) {
      setKey(crypto.randomUUID());
      setBusy(false);
      toastError("The task was not started", error);
    }
  };
  return (
    <>
      {reason && (
        <p id="run-reason" role="status" className={`w-full text-right text-xs ${wrong ? "text-bad" : "text-muted"}`}>
          {reason}
        </p>
      )}
      <label className="flex items-center gap-1.5 text-muted text-xs">
        Budget $
        <input
          value={budget}
          onChange={(event) => setBudget(event.target.value)}
          inputMode="decimal"
          placeholder="none"
          aria-invalid={wrong || undefined}
          aria-describedby={wrong ? "run-reason" : undefined}
          className={`${inputClass} h-8 w-18 pointer-coarse:h-10`}
        />
      </label>
      <label htmlFor="run-when" className="flex items-center">
        <span className="sr-only">When</span>
        <Select
          id="run-when"
          value={deferred ? "deferred" : "now"}
          title="Within a day: the calls go to the provider's batch service and cost about half"
          onChange={(event) => setDeferred(event.target.value === "deferred")}
          className="w-auto text-xs"
        >
          <option value="now">Now</option>
          <option value="deferred">Within a day, ½ price</option>
        </Select>
      </label>
      <Button
        look="primary"
        busy={busy}
        disabled={reason !== null}
        aria-describedby={reason ? "run-reason" : undefined}
        icon={<Play aria-hidden className="size-3.5" />}
        onClick={() => void run()}
      >
        Run
      </Button>
    </>
  );
}
