import type { ComponentProps } from "react";

/** Stands in for `next/link` while the server draws. */
export default function Link({ prefetch: _, ...rest }: ComponentProps<"a"> & { prefetch?: boolean }) {
  return <a {...rest} />;
}
