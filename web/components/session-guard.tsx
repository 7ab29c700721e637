"use client";
import { useQueryClient } from "@tanstack/react-query";
import { usePathname, useRouter } from "next/navigation";
import { useEffect, useRef } from "react";
import { askedToLeave, signedOutEvent } from "../lib/api.ts";
import { publicPages } from "../lib/first-data.ts";

const isPublic = new RegExp(publicPages);

/**
 * Leads to sign-in when a person signed out, or the API says that the session has ended, and forgets what was loaded for
 * it. Only in the second case does sign-in lead back here: after a sign-out the next person may be another.
 */
export function SessionGuard() {
  const router = useRouter();
  const client = useQueryClient();
  const pathname = usePathname();
  // The page that was signed out of may ask once more before it is gone: its refusal must not lead elsewhere.
  const leaving = useRef(false);
  useEffect(() => {
    if (isPublic.test(pathname)) leaving.current = false;
  }, [pathname]);
  useEffect(() => {
    const onSignedOut = (event: Event) => {
      const { pathname, search } = window.location;
      if (isPublic.test(pathname) || leaving.current) return;
      leaving.current = (event as CustomEvent).detail === askedToLeave;
      client.clear();
      const next =
        leaving.current || (pathname === "/" && !search) ? "" : `?next=${encodeURIComponent(pathname + search)}`;
      router.replace(`/sign-in${next}`);
    };
    window.addEventListener(signedOutEvent, onSignedOut);
    return () => window.removeEventListener(signedOutEvent, onSignedOut);
  }, [router, client]);
  return null;
}
