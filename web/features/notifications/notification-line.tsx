import { BellRing, CircleCheck, CirclePause, CircleX, Hand, type LucideIcon, WalletMinimal } from "lucide-react";
import type { Notification } from "#contracts";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Moment } from "../../components/ui/moment.tsx";

const looks: Record<Notification["kind"], { icon: LucideIcon; tone: string }> = {
  execution_completed: { icon: CircleCheck, tone: "text-good" },
  execution_failed: { icon: CircleX, tone: "text-bad" },
  execution_paused: { icon: CirclePause, tone: "text-attention" },
  approval_requested: { icon: Hand, tone: "text-attention" },
  budget_warning: { icon: WalletMinimal, tone: "text-attention" },
  budget_exceeded: { icon: WalletMinimal, tone: "text-bad" },
  system: { icon: BellRing, tone: "text-muted" },
};

/** One thing that happened; it leads to its execution. */
export function NotificationLine({
  notification,
  onOpen,
}: {
  notification: Notification;
  onOpen?: (() => void) | undefined;
}) {
  const { icon: Icon, tone } = looks[notification.kind];
  const body = (
    <>
      <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${tone}`} />
      <span className="min-w-0 flex-1">
        <span className={`line-clamp-2 ${notification.readAt ? "text-muted" : "font-medium"}`}>
          {notification.title}
          {!notification.readAt && <span className="sr-only"> (unread)</span>}
        </span>
        {notification.taskTitle && <span className="block truncate text-muted text-xs">{notification.taskTitle}</span>}
        {notification.body && <span className="line-clamp-2 text-muted text-xs">{notification.body}</span>}
      </span>
      <span className="flex shrink-0 items-center gap-2 text-faint text-xs">
        <Moment iso={notification.createdAt} />
        {!notification.readAt && <span aria-hidden className="size-1.5 rounded-full bg-accent" />}
      </span>
    </>
  );
  const className = "flex items-start gap-2.5 px-3 py-2 -outline-offset-2";
  return (
    <li>
      {notification.executionId ? (
        <AppLink
          href={`/executions/${notification.executionId}`}
          onClick={onOpen}
          className={`${className} hover:bg-hover`}
        >
          {body}
        </AppLink>
      ) : (
        <div className={className}>{body}</div>
      )}
    </li>
  );
}
