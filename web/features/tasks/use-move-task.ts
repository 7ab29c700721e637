"use client";
import { type InfiniteData, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import type { TaskAnswer, TaskListItem, TaskPage, TaskStatus } from "#contracts";
import { statusLabel } from "../../components/ui/status.tsx";
import { apiSend } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { toastDone, toastError } from "../../lib/toast.ts";
import { boardKey } from "./use-board-tasks.ts";

interface Place {
  status: TaskStatus;
  position: number;
}

function patchBoard(client: QueryClient, projectId: string, taskId: string, changes: Partial<TaskListItem>): void {
  client.setQueryData<InfiniteData<TaskPage>>(boardKey(projectId), (data) =>
    data
      ? {
          ...data,
          pages: data.pages.map((page) => ({
            ...page,
            data: page.data.map((task) => (task.id === taskId ? { ...task, ...changes } : task)),
          })),
        }
      : data,
  );
}

/** Moves a task at once, tells the server, and offers the way back; a refusal puts it back by itself. */
export function useMoveTask(projectId: string): (task: TaskListItem, to: Place) => void {
  const client = useQueryClient();
  return useCallback(
    (task, to) => {
      const move = async (from: Place, target: Place, undoable: boolean) => {
        patchBoard(client, projectId, task.id, target);
        try {
          await apiSend<TaskAnswer>("PATCH", `/api/v1/tasks/${task.id}`, target);
          void invalidate(client, `/tasks/${task.id}`, "/projects", "/dashboard");
          if (undoable) {
            const where = statusLabel(target.status).toLowerCase();
            const told = target.status === from.status ? `Moved within ${where}` : `Moved to ${where}`;
            toastDone(told, () => void move(target, from, false));
          }
        } catch (error) {
          patchBoard(client, projectId, task.id, from);
          toastError("The task was not moved", error);
        }
      };
      void move({ status: task.status, position: task.position }, to, true);
    },
    [client, projectId],
  );
}
