"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Check, X } from "lucide-react";
import { useState } from "react";
import type { ExecutionListItem } from "#contracts";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Moment } from "../../components/ui/moment.tsx";
import { StatusIcon } from "../../components/ui/status.tsx";
import { formatCost } from "../../lib/format.ts";
import { decide } from "../executions/decide.ts";

/** An execution that waits for a decision: to be read first, or decided here. */
export function ApprovalRow({ execution }: { execution: ExecutionListItem }) {
  const client = useQueryClient();
  const [busy, setBusy] = useState<boolean | null>(null);
  const answer = async (approved: boolean) => {
    setBusy(approved);
    await decide(client, execution.id, approved);
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
          onClick={() => void answer(false)}
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
          onClick={() => void answer(true)}
        >
          Approve
        </Button>
      </span>
    </li>
  );
}
