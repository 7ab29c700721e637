"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Check, CirclePause, CirclePlay, OctagonX, RotateCcw, X } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import type { Execution, ExecutionAction, ExecutionStateAnswer } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import { apiSend } from "../../lib/api.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone, toastError } from "../../lib/toast.ts";
import { decide } from "./decide.ts";

const Confirm = dynamic(() => import("../../components/ui/confirm.tsx"), { ssr: false });

/** What can be done with an execution now: the server says which of them. */
export function ExecutionActions({ execution }: { execution: Execution }) {
  const client = useQueryClient();
  const [busy, setBusy] = useState<string | null>(null);
  const [cancelling, setCancelling] = useState(false);
  const may = new Set(execution.allowedActions);

  const send = async (action: ExecutionAction) => {
    await apiSend<ExecutionStateAnswer>("POST", `/api/v1/executions/${execution.id}/${action}`);
    await client.invalidateQueries({ queryKey: queries.execution(execution.id).queryKey });
    void client.invalidateQueries({ queryKey: ["/executions"] });
    void client.invalidateQueries({ queryKey: queries.dashboard().queryKey });
  };
  const act = (action: ExecutionAction, done: string) => async () => {
    setBusy(action);
    try {
      await send(action);
      toastDone(done);
    } catch (error) {
      toastError("That did not work", error);
    }
    setBusy(null);
  };
  const answer = (approved: boolean) => async () => {
    setBusy(approved ? "approve" : "refuse");
    await decide(client, execution.id, approved);
    setBusy(null);
  };

  return (
    <>
      {may.has("approve") && (
        <>
          <Button
            busy={busy === "refuse"}
            disabled={busy !== null}
            icon={<X aria-hidden className="size-4" />}
            onClick={answer(false)}
          >
            Refuse
          </Button>
          <Button
            look="primary"
            busy={busy === "approve"}
            disabled={busy !== null}
            icon={<Check aria-hidden className="size-4" />}
            onClick={answer(true)}
          >
            Approve
          </Button>
        </>
      )}
      {may.has("pause") && (
        <Button
          busy={busy === "pause" || execution.pauseRequested}
          disabled={busy !== null}
          icon={<CirclePause aria-hidden className="size-4" />}
          onClick={act("pause", "It pauses when the calls under way are done")}
        >
          {execution.pauseRequested ? "Pausing" : "Pause"}
        </Button>
      )}
      {may.has("resume") && (
        <Button
          look="primary"
          busy={busy === "resume"}
          disabled={busy !== null}
          icon={<CirclePlay aria-hidden className="size-4" />}
          onClick={act("resume", "It goes on")}
        >
          Resume
        </Button>
      )}
      {may.has("retry") && (
        <Button
          look="primary"
          busy={busy === "retry"}
          disabled={busy !== null}
          icon={<RotateCcw aria-hidden className="size-4" />}
          onClick={act("retry", "It goes on from the first unfinished step")}
        >
          Retry
        </Button>
      )}
      {may.has("cancel") && (
        <Button
          look="danger"
          busy={execution.cancelRequested}
          disabled={busy !== null}
          icon={<OctagonX aria-hidden className="size-4" />}
          onClick={() => setCancelling(true)}
        >
          {execution.cancelRequested ? "Cancelling" : "Cancel"}
        </Button>
      )}
      {cancelling && (
        <Confirm
          title="Cancel this execution?"
          action="Cancel the execution"
          onClose={() => setCancelling(false)}
          onConfirm={() => send("cancel")}
        >
          <p>
            The calls under way are cut off and what they used so far is paid. What is finished stays, and a retry goes
            on from there.
          </p>
        </Confirm>
      )}
    </>
  );
}
