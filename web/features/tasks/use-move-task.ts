"use client";
import { type InfiniteData, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import type { TaskAnswer, TaskListItem, TaskPage, TaskStatus, UpdateTaskBody } from "#contracts";
import { statusLabel } from "../../components/ui/status.tsx";
import { apiSend } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { toastDone, toastError } from "../../lib/toast.ts";
import { boardKey } from "./use-board-tasks.ts";

interface Place {
  status: TaskStatus;
  position: number;
}
type Movable = Pick<TaskListItem, "id" | "status" | "position">;

function patchBoard(client: QueryClient, projectId: string, taskId: string, changes: Place): void {
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

/**
 * Moves a task at once, tells the server, with what else is to be saved of it, and offers the way back of the move; a
 * refusal puts it back by itself and rejects.
 */
export function useSaveMove(projectId: string) {
  const client = useQueryClient();
  return useCallback(
    async (task: Movable, to: Place, more: UpdateTaskBody = {}): Promise<TaskAnswer> => {
      const from: Place = { status: task.status, position: task.position };
      const move = async (back: Place, target: Place, body: UpdateTaskBody) => {
        patchBoard(client, projectId, task.id, target);
        try {
          const answer = await apiSend<TaskAnswer>("PATCH", `/api/v1/tasks/${task.id}`, { ...body, ...target });
          void invalidate(client, `/tasks/${task.id}`, "/projects", "/dashboard");
          return answer;
        } catch (error) {
          patchBoard(client, projectId, task.id, back);
          throw error;
        }
      };
      const answer = await move(from, to, more);
      const where = statusLabel(to.status).toLowerCase();
      toastDone(to.status === from.status ? `Moved within ${where}` : `Moved to ${where}`, () => {
        move(to, from, {}).catch((error) => toastError("The task was not moved", error));
      });
      return answer;
    },
    [client, projectId],
  );
}

/** The same for a task that is only moved: a refusal says so. */
export function useMoveTask(projectId: string): (task: Movable, to: Place) => void {
  const save = useSaveMove(projectId);
  return useCallback(
    (task, to) => {
      save(task, to).catch((error) => toastError("The task was not moved", error));
    },
    [save],
  );
}
