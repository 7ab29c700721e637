"use client";
import { useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import type { ComponentProps } from "react";
import { prefetchPage, prefetchParts } from "../../lib/prefetch.ts";

type AppLinkProps = Omit<ComponentProps<typeof Link>, "href" | "prefetch" | "onClick"> & {
  href: string;
  onClick?: (() => void) | undefined;
};

/** A link within the app: on hover, focus or touch it fetches the page's code, that of its heavy parts, and its first data. */
export function AppLink({ href, onClick, ...rest }: AppLinkProps) {
  const router = useRouter();
  const client = useQueryClient();
  const warm = () => {
    router.prefetch(href);
    prefetchParts(href);
    prefetchPage(client, href);
  };
  return (
    <Link
      href={href}
      prefetch={false}
      onMouseEnter={warm}
      onFocus={warm}
      onTouchStart={warm}
      {...(onClick ? { onClick } : {})}
      {...rest}
    />
  );
}
