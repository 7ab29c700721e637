"use client";
import { QueryClientProvider } from "@tanstack/react-query";
import dynamic from "next/dynamic";
import { type ReactNode, useEffect, useState } from "react";
import { createQueryClient } from "../lib/query-client.ts";
import { applyTheme, readTheme } from "../lib/theme.ts";
import { whenIdle } from "../lib/when-idle.ts";
import { SessionGuard } from "./session-guard.tsx";
import { Toaster } from "./ui/toast.tsx";

const Vitals = dynamic(() => import("./vitals.tsx"), { ssr: false });

/** What every page needs: the query client, toasts, the way to sign-in, and the measuring of web vitals. */
export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(createQueryClient);
  const [idle, setIdle] = useState(false);
  // The browser keeps what is measured until somebody asks: that need not be while the page comes alive.
  useEffect(() => whenIdle(() => setIdle(true)), []);
  useEffect(() => {
    const media = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => applyTheme(readTheme());
    media.addEventListener("change", follow);
    return () => media.removeEventListener("change", follow);
  }, []);
  return (
    <QueryClientProvider client={client}>
      <SessionGuard />
      {children}
      <Toaster />
      {idle && <Vitals />}
    </QueryClientProvider>
  );
}
