export { checkDatabase } from "./check-readiness.ts";
export { recordWebVitals, summarizeWebVitals, type WebVitalSummary } from "./web-vitals.ts";
