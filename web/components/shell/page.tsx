import clsx from "clsx";
import type { ReactNode } from "react";

interface PageProps {
  title: ReactNode;
  /** Shown before the title, for example the way back. */
  before?: ReactNode;
  actions?: ReactNode;
  /** The actions are still placeholders: what takes their place is wider or narrower, and counts as new, not as moved. */
  pending?: boolean;
  /** Under the title line, for example filters. */
  toolbar?: ReactNode;
  children: ReactNode;
  /** Fills the height of the window instead of scrolling as a whole. */
  fill?: boolean;
  className?: string;
}

/** A page: its title line of fixed height, its tools, its content. */
export function Page({
  title,
  before,
  actions,
  pending = false,
  toolbar,
  children,
  fill = false,
  className,
}: PageProps) {
  return (
    <div className={clsx("flex min-w-0 flex-col", fill && "h-[calc(100dvh-6.5rem)] md:h-dvh")}>
      <div className="flex min-h-13 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 px-4 py-1.5 md:px-6">
        <div className="flex min-w-[min(100%,6rem)] flex-1 items-center gap-3">
          {before}
          <h1 className="min-w-0 flex-1 truncate font-semibold text-lg">{title}</h1>
        </div>
        {actions && (
          <div key={pending ? "pending" : "ready"} className="flex flex-wrap items-center justify-end gap-2">
            {actions}
          </div>
        )}
      </div>
      {toolbar && <div className="flex shrink-0 flex-wrap items-center gap-2 px-4 pb-3 md:px-6">{toolbar}</div>}
      <div className={clsx("min-w-0 flex-1 px-4 md:px-6", fill ? "min-h-0 pb-3 md:pb-5" : "pb-8", className)}>
        {children}
      </div>
    </div>
  );
}
