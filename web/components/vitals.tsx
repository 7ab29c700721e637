"use client";
import { usePathname } from "next/navigation";
import { useReportWebVitals } from "next/web-vitals";
import { useEffect, useLayoutEffect } from "react";
import { keepFonts } from "../lib/keep-fonts.ts";
import { createVitalsReporter } from "../lib/vitals.ts";

const reporter = createVitalsReporter();

/** Until what the page itself needs has surely been asked for. */
const quietMs = 4000;

/**
 * Measures how this visit feels and tells the server (`POST /api/v1/vitals`); shown on /performance. And makes the next
 * one feel better: see `keepFonts`.
 */
export default function Vitals() {
  const path = usePathname();
  // Before the page is painted: what shifts in it is its own.
  useLayoutEffect(() => reporter.visit(path, performance.now()), [path]);
  useReportWebVitals(reporter.add);
  useEffect(() => {
    const flush = () => {
      if (document.visibilityState === "hidden") reporter.flush();
    };
    document.addEventListener("visibilitychange", flush);
    return () => document.removeEventListener("visibilitychange", flush);
  }, []);
  useEffect(() => {
    const timer = setTimeout(() => void keepFonts(), quietMs);
    return () => clearTimeout(timer);
  }, []);
  return null;
}
