"use client";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import type { Execution } from "#contracts";
import { queries } from "../../lib/queries.ts";
import { useFollow } from "./use-follow.ts";

/** How an execution stands at this moment, and who says what in it. */
export interface LiveNow {
  execution: Execution;
  work: { who: string; text: string } | null;
}

/** Follows an execution for a row that shows what is said right now; draws nothing itself. */
export default function FollowNow({ id, onNow }: { id: string; onNow: (now: LiveNow | null) => void }) {
  const { data } = useQuery(queries.execution(id));
  useFollow(data ? id : null);
  useEffect(() => {
    onNow(data ? { execution: data.execution, work: currentWork(data.execution) } : null);
    return () => onNow(null);
  }, [data, onNow]);
  return null;
}

/** Who works now, and the last words of what is being written, or what the step is about. */
function currentWork(execution: Execution): LiveNow["work"] {
  const message = execution.streaming.at(-1);
  const step =
    execution.steps.find((one) => one.id === message?.stepId) ??
    execution.steps.find((one) => one.status === "running");
  const memberId = message?.memberId ?? step?.memberId;
  const member = execution.squad.members.find((one) => one.id === memberId);
  if (!member) return null;
  const text =
    message?.content
      .replace(/[*_`#>|]+/g, "")
      .replace(/\s+/g, " ")
      .trim() ?? "";
  return { who: member.name, text: (text.length > 160 ? `… ${text.slice(-160)}` : text) || (step?.title ?? "") };
}
