"use client";
import { useQuery } from "@tanstack/react-query";
import { Bell } from "lucide-react";
import { queries } from "../../lib/queries.ts";
import { AppLink } from "../ui/app-link.tsx";

/** The bell: how much is unread, and the way to it. */
export function NotificationsLink({ onNavigate }: { onNavigate?: (() => void) | undefined }) {
  const { data } = useQuery(queries.me());
  const unread = data?.unreadNotifications ?? 0;
  const name = unread > 0 ? `Notifications, ${unread} unread` : "Notifications";
  return (
    <AppLink
      href="/notifications"
      aria-label={name}
      title={name}
      onClick={onNavigate}
      className="relative inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-ink pointer-coarse:size-10"
    >
      <Bell aria-hidden className="size-4" />
      {unread > 0 && (
        <span
          aria-hidden
          className="tabular absolute bottom-1/2 left-1/2 mb-px ml-px flex h-3.5 min-w-3.5 items-center justify-center rounded-full bg-bad px-0.5 font-semibold text-[0.5625rem] text-inverse"
        >
          {unread > 99 ? "99+" : unread}
        </span>
      )}
    </AppLink>
  );
}
