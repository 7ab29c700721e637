"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useEffect } from "react";
import { signedOutEvent } from "../lib/api.ts";
import { publicPages } from "../lib/first-data.ts";

const isPublic = new RegExp(publicPages);

/** Leads to sign-in when the API says that the session has ended, and forgets what was loaded for it. */
export function SessionGuard() {
  const router = useRouter();
  const client = useQueryClient();
  useEffect(() => {
    const onSignedOut = () => {
      const { pathname, search } = window.location;
      if (isPublic.test(pathname)) return;
      client.clear();
      const next = pathname === "/" && !search ? "" : `?next=${encodeURIComponent(pathname + search)}`;
      router.replace(`/sign-in${next}`);
    };
    window.addEventListener(signedOutEvent, onSignedOut);
    return () => window.removeEventListener(signedOutEvent, onSignedOut);
  }, [router, client]);
  return null;
}
