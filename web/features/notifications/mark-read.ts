import type { QueryClient } from "@tanstack/react-query";
import type { ReadNotifications } from "#contracts";
import { apiSend } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { toastError } from "../../lib/toast.ts";

/** Marks the named notifications as read, or all; what shows them is read anew. Says so when it did not work. */
export async function markRead(client: QueryClient, ids?: string[]): Promise<void> {
  try {
    await apiSend<ReadNotifications>("POST", "/api/v1/notifications/read", ids ? { ids } : {});
    await invalidate(client, "/notifications", "/me", "/dashboard");
  } catch (error) {
    toastError("Not marked as read", error);
  }
}
