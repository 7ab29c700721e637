"use client";
import { useQueryClient } from "@tanstack/react-query";
import { usePathname, useRouter } from "next/navigation";
import { useEffect, useRef } from "react";
import { askedToLeave, queryString, signedOutEvent } from "../lib/api.ts";
import { publicPages } from "../lib/first-data.ts";
import { queries } from "../lib/queries.ts";

const isPublic = new RegExp(publicPages);

/**
 * Leads to sign-in when a person signed out, or the API says that the session has ended, and forgets what was loaded for
 * it. Only in the second case does sign-in lead back here: after a sign-out the next person may be another.
 */
export function SessionGuard() {
  const router = useRouter();
  const client = useQueryClient();
  const pathname = usePathname();
  // The page that is left may ask once more before it is gone: its refusal must not lead elsewhere, nor say less.
  const leaving = useRef(false);
  useEffect(() => {
    if (isPublic.test(pathname)) leaving.current = false;
  }, [pathname]);
  useEffect(() => {
    const onSignedOut = (event: Event) => {
      const { pathname, search } = window.location;
      if (isPublic.test(pathname) || leaving.current) return;
      leaving.current = true;
      const asked = (event as CustomEvent).detail === askedToLeave;
      // Where somebody was known, a session has ended; where nobody was, there was none.
      const ended = client.getQueryData(queries.me().queryKey) !== undefined;
      client.clear();
      const here = pathname + search;
      const why = queryString({ next: here === "/" ? null : here, ended: ended || null });
      router.replace(`/sign-in${asked ? "" : why}`);
    };
    window.addEventListener(signedOutEvent, onSignedOut);
    return () => window.removeEventListener(signedOutEvent, onSignedOut);
  }, [router, client]);
  return null;
}
