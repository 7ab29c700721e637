"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import type { Task } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import Confirm from "../../components/ui/confirm.tsx";
import { apiSend } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone } from "../../lib/toast.ts";

/** Deletes a task; asks before, and says what goes with it. */
export function DeleteTask({ task, onDeleted }: { task: Task; onDeleted: () => void }) {
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  return (
    <>
      <Button
        look="ghost"
        className="mr-auto"
        icon={<Trash2 aria-hidden className="size-4" />}
        onClick={() => setAsking(true)}
      >
        Delete
      </Button>
      {asking && (
        <Confirm
          title={`Delete “${task.title}”?`}
          action="Delete the task"
          onClose={() => setAsking(false)}
          onConfirm={async () => {
            await apiSend("DELETE", `/api/v1/tasks/${task.id}`);
            onDeleted();
            client.removeQueries({ queryKey: queries.task(task.id).queryKey });
            void invalidate(client, "/tasks", "/projects", "/dashboard", "/executions");
            toastDone("Task deleted");
          }}
        >
          <p>
            Its attachments, its executions and what they wrote go with it. This cannot be undone. What they cost stays
            in the usage.
          </p>
        </Confirm>
      )}
    </>
  );
}
