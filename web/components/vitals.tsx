"use client";
import { useReportWebVitals } from "next/web-vitals";
import { useEffect } from "react";
import { createVitalsReporter } from "../lib/vitals.ts";

const reporter = createVitalsReporter();

/** Measures how this visit feels and tells the server (`POST /api/v1/vitals`); shown on /performance. */
export default function Vitals() {
  useReportWebVitals(reporter.add);
  useEffect(() => {
    const flush = () => {
      if (document.visibilityState === "hidden") reporter.flush();
    };
    document.addEventListener("visibilitychange", flush);
    return () => document.removeEventListener("visibilitychange", flush);
  }, []);
  return null;
}
