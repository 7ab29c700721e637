import clsx from "clsx";
import type { ReactNode } from "react";

/** A bordered area with an optional heading line. */
export function Panel({
  title,
  action,
  children,
  className,
  id,
}: {
  title?: ReactNode;
  action?: ReactNode;
  children: ReactNode;
  className?: string;
  id?: string;
}) {
  return (
    <section id={id} className={clsx("min-w-0 overflow-hidden rounded-lg border border-line bg-surface", className)}>
      {title && (
        <header className="flex min-h-10 flex-wrap items-center justify-between gap-x-2 border-line border-b px-3 py-1.5 pointer-coarse:py-0.5">
          <h2 className="min-w-0 truncate font-medium text-sm">{title}</h2>
          {action}
        </header>
      )}
      {children}
    </section>
  );
}

/** A figure with its name. */
export function Figure({
  label,
  value,
  note,
  tone,
  children,
}: {
  label: string;
  value: ReactNode;
  note?: ReactNode;
  tone?: string;
  /** Drawn under it, for example how much of a limit it is. */
  children?: ReactNode;
}) {
  return (
    <div className="min-w-0">
      <dt className="truncate text-faint text-xs">{label}</dt>
      <dd className={clsx("tabular mt-0.5 truncate font-semibold text-lg", tone)}>{value}</dd>
      {note && <dd className="mt-0.5 truncate text-muted text-xs">{note}</dd>}
      {children && <dd>{children}</dd>}
    </div>
  );
}
