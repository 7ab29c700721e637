"use client";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Bell, CheckCheck } from "lucide-react";
import { useState } from "react";
import type { NotificationPage } from "#contracts";
import { Page } from "../../components/shell/page.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { Empty, Failure, Loading, Skeleton } from "../../components/ui/states.tsx";
import { apiGet, queryString } from "../../lib/api.ts";
import { markRead } from "./mark-read.ts";
import { NotificationLine } from "./notification-line.tsx";

/** `/notifications`: everything that was told, newest first. */
export function NotificationsPage() {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const query = useInfiniteQuery({
    queryKey: ["/notifications", "all"],
    queryFn: ({ pageParam, signal }) =>
      apiGet<NotificationPage>(`/api/v1/notifications${queryString({ limit: 30, cursor: pageParam })}`, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.nextCursor,
    staleTime: 0,
  });
  const notifications = query.data?.pages.flatMap((page) => page.data) ?? [];
  const markAllRead = async () => {
    setBusy(true);
    await markRead(client);
    setBusy(false);
  };
  return (
    <Page
      title="Notifications"
      actions={
        <Button
          busy={busy}
          disabled={!notifications.some((notification) => !notification.readAt)}
          icon={<CheckCheck aria-hidden className="size-4" />}
          onClick={() => void markAllRead()}
        >
          Mark all as read
        </Button>
      }
    >
      <Panel>
        {query.error && notifications.length === 0 ? (
          <Failure error={query.error} retry={() => void query.refetch()} />
        ) : query.isPending ? (
          <Loading label="Loading notifications" className="flex flex-col gap-2 p-3">
            {[1, 2, 3, 4, 5, 6].map((line) => (
              <Skeleton key={line} className="h-9" />
            ))}
          </Loading>
        ) : notifications.length === 0 ? (
          <Empty icon={Bell} title="Nothing to tell yet">
            When an execution ends, fails, waits for you or comes near its budget, it stands here.
          </Empty>
        ) : (
          <ul className="divide-y divide-line">
            {notifications.map((notification) => (
              <NotificationLine
                key={notification.id}
                notification={notification}
                onOpen={notification.readAt ? undefined : () => void markRead(client, [notification.id])}
              />
            ))}
          </ul>
        )}
      </Panel>
      {query.hasNextPage && (
        <Button className="mt-3" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show older
        </Button>
      )}
    </Page>
  );
}
