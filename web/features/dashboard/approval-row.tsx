"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Check, X } from "lucide-react";
import { useState } from "react";
import type { ApproveExecutionBody, ExecutionListItem, ExecutionStateAnswer } from "#contracts";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Moment } from "../../components/ui/moment.tsx";
import { StatusIcon } from "../../components/ui/status.tsx";
import { apiSend } from "../../lib/api.ts";
import { formatCost } from "../../lib/format.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { toastDone, toastError } from "../../lib/toast.ts";

/** An execution that waits for a decision: to be read first, or decided here. */
export function ApprovalRow({ execution }: { execution: ExecutionListItem }) {
  const client = useQueryClient();
  const [busy, setBusy] = useState<boolean | null>(null);
  const decide = async (approved: boolean) => {
    setBusy(approved);
    try {
      const body: ApproveExecutionBody = { approved };
      await apiSend<ExecutionStateAnswer>("POST", `/api/v1/executions/${execution.id}/approve`, body);
      await invalidate(client, "/dashboard", "/executions");
      toastDone(approved ? "Approved" : "Refused");
    } catch (error) {
      toastError("That did not work", error);
    }
    setBusy(null);
  };
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1.5 px-3 py-2">
      <StatusIcon status={execution.status} />
      <AppLink href={`/executions/${execution.id}`} className="min-w-0 flex-1 basis-48 rounded-sm hover:underline">
        <span className="block truncate font-medium">{execution.taskTitle}</span>
        <span className="block truncate text-faint text-xs">
          {execution.squadName} · {formatCost(execution.costNanoUsd, execution.costIncomplete)} so far ·{" "}
          <Moment iso={execution.createdAt} />
        </span>
      </AppLink>
      <span className="flex gap-2">
        <Button
          small
          aria-label={`Refuse: ${execution.taskTitle}`}
          busy={busy === false}
          disabled={busy !== null}
          icon={<X aria-hidden className="size-3.5" />}
          onClick={() => void decide(false)}
        >
          Refuse
        </Button>
        <Button
          small
          look="primary"
          aria-label={`Approve: ${execution.taskTitle}`}
          busy={busy === true}
          disabled={busy !== null}
          icon={<Check aria-hidden className="size-3.5" />}
          onClick={() => void decide(true)}
        >
          Approve
        </Button>
      </span>
    </li>
  );
}
