import type { QueryClient } from "@tanstack/react-query";
import type { ApproveExecutionBody, ExecutionStateAnswer } from "#contracts";
import { apiSend } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone, toastError, toastNext } from "../../lib/toast.ts";

/** Approves or refuses what waits. A refused run ends as failed: the message says so and offers the way back. */
export async function decide(client: QueryClient, executionId: string, approved: boolean): Promise<void> {
  const send = async (action: "approve" | "retry", body?: ApproveExecutionBody) => {
    await apiSend<ExecutionStateAnswer>("POST", `/api/v1/executions/${executionId}/${action}`, body);
    await Promise.all([
      invalidate(client, "/dashboard"),
      client.invalidateQueries({ queryKey: ["/executions"] }),
      client.invalidateQueries({ queryKey: queries.execution(executionId).queryKey }),
    ]);
  };
  try {
    await send("approve", { approved });
  } catch (error) {
    toastError("That did not work", error);
    return;
  }
  if (approved) {
    toastDone("Approved");
    return;
  }
  toastNext("Refused: the run has ended as failed", "Retry brings it back, and it asks you again.", {
    label: "Retry",
    run: () =>
      void send("retry").then(
        () => toastDone("It is back and will ask you again"),
        (error: unknown) => toastError("It was not brought back", error),
      ),
  });
}
