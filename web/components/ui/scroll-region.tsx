import clsx from "clsx";
import type { ComponentProps } from "react";

/**
 * An area that scrolls by itself, as around everything that may be wider than the page: reachable by keyboard, named for
 * screen readers, and faded at the edge behind which there is more.
 */
export function ScrollRegion({ label, className, ...rest }: ComponentProps<"section"> & { label: string }) {
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls what has the focus
      tabIndex={0}
      {...rest}
      className={clsx("edge-fade relative overflow-auto -outline-offset-2", className)}
    />
  );
}
