import clsx from "clsx";
import type { ComponentProps } from "react";

/** An area that scrolls by itself: reachable by keyboard and named for screen readers. */
export function ScrollRegion({ label, className, ...rest }: ComponentProps<"section"> & { label: string }) {
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls what has the focus
      tabIndex={0}
      {...rest}
      className={clsx("relative overflow-auto -outline-offset-2", className)}
    />
  );
}
