import clsx from "clsx";
import { CloudOff, TriangleAlert } from "lucide-react";
import type { ComponentType, ReactNode } from "react";
import { ApiError, messageOf } from "../../lib/api.ts";
import { Button, buttonClass } from "./button.tsx";

/** A grey shape where content will be; give it the size of what comes. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={clsx("animate-pulse rounded-md bg-hover", className)} />;
}

/** As many skeletons of one size as are likely to be needed. */
export function Skeletons({ count, className }: { count: number; className?: string }) {
  const numbers = Array.from({ length: count }, (_, number) => number);
  return numbers.map((number) => <Skeleton key={number} {...(className ? { className } : {})} />);
}

/** A block of skeletons that says once, to screen readers, that something loads. */
export function Loading({ label, children, className }: { label: string; children: ReactNode; className?: string }) {
  return (
    <div role="status" aria-label={label} className={className}>
      {children}
    </div>
  );
}

interface EmptyProps {
  icon: ComponentType<{ className?: string; "aria-hidden"?: boolean }>;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  className?: string;
}

/** An empty list: what would be here, and what to do next. */
export function Empty({ icon: Icon, title, children, action, className }: EmptyProps) {
  return (
    <div className={clsx("flex flex-col items-center justify-center px-6 py-12 text-center", className)}>
      <Icon aria-hidden className="mb-3 size-6 text-faint" />
      <p className="font-medium text-base">{title}</p>
      {children && <p className="mt-1 max-w-md text-balance text-muted">{children}</p>}
      {action && <div className="mt-4 flex flex-wrap justify-center gap-2">{action}</div>}
    </div>
  );
}

/** What happened and what one can do about it. */
export function Failure({ error, retry, className }: { error: unknown; retry?: () => void; className?: string }) {
  const offline = error instanceof ApiError && error.code === "network";
  const Icon = offline ? CloudOff : TriangleAlert;
  // Asking again does not bring back what is not there.
  const gone = error instanceof ApiError && error.status === 404;
  const title = error instanceof ApiError ? error.title : "This could not be shown";
  return (
    <div role="alert" className={clsx("flex flex-col items-center px-6 py-12 text-center", className)}>
      <Icon aria-hidden className={clsx("mb-3 size-6", offline ? "text-faint" : "text-bad")} />
      <p className="font-medium text-base">{title}</p>
      <p className="mt-1 max-w-md text-balance text-muted">{messageOf(error)}</p>
      {retry && !gone && (
        <Button className="mt-4" onClick={retry}>
          Try again
        </Button>
      )}
      {gone && (
        <a href="/" className={`mt-4 ${buttonClass("secondary")}`}>
          Go to the dashboard
        </a>
      )}
    </div>
  );
}
