export { exportUsage } from "./export-usage.ts";
export { rollUpUsage } from "./roll-up-usage.ts";
export { listUsage, readSpend, summarizeUsage } from "./usage.queries.ts";
export { parseUsageRange, type UsageRange } from "./usage-range.ts";
