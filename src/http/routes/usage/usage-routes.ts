import { Readable } from "node:stream";
import { UsageExportQuery, UsageListQuery, UsagePage, UsageSummary, UsageSummaryQuery } from "#contracts";
import { exportUsage, listUsage, parseUsageRange, summarizeUsage } from "#domain";
import { expectOk } from "../../expect-ok.ts";
import { downloadHeaders } from "../../plugins/security-headers.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";

const tag = "usage";

/** What was used and what it cost. */
export function usageRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/usage/summary",
      operationId: "summarizeUsage",
      tag,
      summary: "Tokens and cost by squad, model, member or day; an unknown price is null",
      policy: "user",
      query: UsageSummaryQuery,
      answer: UsageSummary,
      cache: { seconds: 60, areas: ["usage", "squads"] },
      handle: async ({ db, caller, query }) => {
        const { range } = expectOk(parseUsageRange(query, new Date()));
        return summarizeUsage(db, caller, range, query.groupBy ?? "day");
      },
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/usage",
      operationId: "listUsage",
      tag,
      summary: "Every call, newest first",
      policy: "user",
      query: UsageListQuery,
      answer: UsagePage,
      cache: { seconds: 60, areas: ["usage"] },
      handle: ({ db, caller, query }) => listUsage(db, caller, query),
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/usage/export",
      operationId: "exportUsage",
      tag,
      summary: "The calls of a range as CSV",
      policy: "user",
      query: UsageExportQuery,
      answer: null,
      stream: "text/csv",
      handle: async ({ db, caller, query, reply }) => {
        const { range } = expectOk(parseUsageRange(query, new Date()));
        reply
          .headers(downloadHeaders)
          .type("text/csv; charset=utf-8")
          .header("content-disposition", 'attachment; filename="muster-usage.csv"')
          .send(Readable.from(exportUsage(db, caller, range)));
        return undefined;
      },
    }),
  ];
}
