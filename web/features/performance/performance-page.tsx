"use client";
import { useQuery } from "@tanstack/react-query";
import { Check, CircleHelp, RefreshCw, TriangleAlert } from "lucide-react";
import type { PerformanceReport } from "#contracts";
import { Page } from "../../components/shell/page.tsx";
import { Button } from "../../components/ui/button.tsx";
import { Moment } from "../../components/ui/moment.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { ScrollRegion } from "../../components/ui/scroll-region.tsx";
import { Failure, Loading, Skeleton } from "../../components/ui/states.tsx";
import { Badge } from "../../components/ui/status.tsx";
import { formatCount, formatDuration, formatNumber, formatPercent, plural } from "../../lib/format.ts";
import { queries } from "../../lib/queries.ts";
import { Sparkline } from "./sparkline.tsx";

type Row = PerformanceReport["targets"][number];
type Vital = PerformanceReport["webVitals"][number];

/** `/performance`: every target beside what was measured here, and where time is lost. */
export function PerformancePage() {
  const { data, error, refetch, isFetching } = useQuery({ ...queries.performance(), staleTime: 5000 });
  return (
    <Page
      title="Performance"
      actions={
        <Button
          busy={isFetching && data !== undefined}
          icon={<RefreshCw aria-hidden className="size-3.5" />}
          onClick={() => void refetch()}
        >
          Measure again
        </Button>
      }
    >
      {error && !data ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : data ? (
        <Report report={data} />
      ) : (
        <ReportSkeleton />
      )}
    </Page>
  );
}

function ReportSkeleton() {
  return (
    <Loading label="Loading the figures" className="flex flex-col gap-4">
      <Skeleton className="h-[30rem] rounded-lg" />
      <Skeleton className="h-64 rounded-lg" />
    </Loading>
  );
}

function Report({ report }: { report: PerformanceReport }) {
  const groups = [...new Set(report.targets.map((row) => row.group))];
  return (
    <div className="flex flex-col gap-4">
      <Panel
        title="Targets and live figures"
        action={
          <span className="tabular text-faint text-xs">
            {report.processes === 1 ? "1 process" : `${report.processes} processes`}, up{" "}
            {formatDuration(report.uptimeSeconds * 1000)}
          </span>
        }
      >
        {!report.roles.includes("all") && !report.roles.includes("worker") && (
          <p className="border-line border-b px-3 py-2 text-muted text-xs">
            Of the API on the machine that answered. Workers and other machines have figures of their own at their
            /metrics; web vitals are those of all.
          </p>
        )}
        <ScrollRegion label="Targets">
          <table className="tabular w-full min-w-[46rem]">
            <thead className="text-left text-faint text-xs">
              <tr className="[&>th]:border-line [&>th]:border-b [&>th]:px-3 [&>th]:py-2 [&>th]:font-medium">
                <th className="w-[36%]">What</th>
                <th className="text-right">Now</th>
                <th className="text-right">Target</th>
                <th className="text-right">Seed</th>
                <th className="w-36">History</th>
                <th>State</th>
              </tr>
            </thead>
            {groups.map((group) => (
              <tbody key={group}>
                <tr>
                  <th
                    scope="rowgroup"
                    colSpan={6}
                    className="border-line border-b bg-canvas px-3 py-1 text-left font-medium text-faint text-xs"
                  >
                    {group}
                  </th>
                </tr>
                {report.targets
                  .filter((row) => row.group === group)
                  .map((row) => (
                    <TargetRow key={row.key} row={row} />
                  ))}
              </tbody>
            ))}
          </table>
        </ScrollRegion>
      </Panel>
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <WebVitals vitals={report.webVitals} />
        <div className="flex min-w-0 flex-col gap-4">
          <Panel title="Caches">
            <ul className="divide-y divide-line">
              {report.caches.map((cache) => (
                <li key={cache.cache} className="tabular flex items-center justify-between gap-3 px-3 py-2">
                  <span className="font-medium">{cache.cache}</span>
                  <span className="text-muted text-xs">
                    {formatCount(cache.hits)} {cache.hits === 1 ? "hit" : "hits"}, {formatCount(cache.misses)}{" "}
                    {cache.misses === 1 ? "miss" : "misses"}
                  </span>
                  <span className="font-medium">
                    {cache.ratio === null ? "not used yet" : formatPercent(cache.ratio)}
                  </span>
                </li>
              ))}
              <li className="tabular flex items-center justify-between gap-3 px-3 py-2">
                <span className="font-medium">Rate-limit waits</span>
                <span className="text-muted text-xs">{plural(report.rateLimitWaits.count, "wait")}</span>
                <span className="font-medium">
                  {report.rateLimitWaits.p95Ms === null ? "none" : `p95 ${formatDuration(report.rateLimitWaits.p95Ms)}`}
                </span>
              </li>
            </ul>
          </Panel>
          <SlowQueries queries={report.slowQueries} />
        </div>
      </div>
    </div>
  );
}

const verdicts = {
  met: { tone: "good", icon: Check, label: "Met" },
  missed: { tone: "bad", icon: TriangleAlert, label: "Missed" },
  unknown: { tone: "neutral", icon: CircleHelp, label: "Not measured" },
} as const;

function withUnit(value: number | null, unit: string): string {
  if (value === null) return "";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 0.1 ? 2 : 4;
  return `${formatNumber(value, digits).replace(/\.0+$|(\.\d*[1-9])0+$/, "$1")} ${unit}`.trim();
}

function TargetRow({ row }: { row: Row }) {
  const { tone, icon: Icon, label } = verdicts[row.verdict];
  // Nothing here is below zero: "at most 0" is 0.
  const limit = (value: number) => `${row.higherIsBetter ? "≥ " : value === 0 ? "" : "≤ "}${withUnit(value, row.unit)}`;
  return (
    <tr className="[&>*]:border-line [&>*]:border-b [&>*]:px-3 [&>*]:py-1.5">
      <th scope="row" className="text-left font-normal">
        {row.title}
      </th>
      <td className="whitespace-nowrap text-right font-medium">
        {row.live === null ? "no sample" : withUnit(row.live, row.unit)}
      </td>
      <td className="whitespace-nowrap text-right text-muted">{row.target === null ? "" : limit(row.target)}</td>
      <td className="whitespace-nowrap text-right text-faint">{row.seed === null ? "" : limit(row.seed)}</td>
      <td>
        <Sparkline label={`History of ${row.title}`} values={row.history.map((point) => point.value)} />
      </td>
      <td>
        {row.target !== null && (
          <Badge tone={tone}>
            <Icon aria-hidden className="size-3" />
            {label}
          </Badge>
        )}
      </td>
    </tr>
  );
}

const vitalNames = ["FCP", "LCP", "CLS", "INP", "TTFB"] as const;
const ratingTone = { good: "text-good", "needs-improvement": "text-attention", poor: "text-bad" } as const;

function WebVitals({ vitals }: { vitals: Vital[] }) {
  const pages = [...new Set(vitals.map((vital) => vital.page))].sort();
  return (
    <Panel title="Web vitals by page (75th percentile)">
      {pages.length === 0 ? (
        <p className="px-3 py-8 text-center text-muted">None yet. They come from real visits to this Muster.</p>
      ) : (
        <ScrollRegion label="Web vitals">
          <table className="tabular w-full min-w-[30rem]">
            <thead className="text-left text-faint text-xs">
              <tr className="[&>th]:border-line [&>th]:border-b [&>th]:px-3 [&>th]:py-2 [&>th]:font-medium">
                <th>Page</th>
                {vitalNames.map((name) => (
                  <th key={name} className="text-right">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody className="divide-y divide-line [&>tr>*]:px-3 [&>tr>*]:py-1.5">
              {pages.map((page) => (
                <tr key={page}>
                  <th scope="row" className="text-left font-normal">
                    {page}
                  </th>
                  {vitalNames.map((name) => {
                    const vital = vitals.find((one) => one.page === page && one.name === name);
                    return (
                      <td
                        key={name}
                        className={`whitespace-nowrap text-right ${vital ? ratingTone[vital.rating] : "text-faint"}`}
                        title={vital ? `${vital.samples} samples, ${vital.rating}` : undefined}
                      >
                        {vital ? (name === "CLS" ? vital.p75.toFixed(3) : formatDuration(vital.p75)) : "none"}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollRegion>
      )}
    </Panel>
  );
}

function SlowQueries({ queries: slow }: { queries: PerformanceReport["slowQueries"] }) {
  return (
    <Panel title="Slow queries">
      {slow.length === 0 ? (
        <p className="px-3 py-8 text-center text-muted">None over the limit since the start.</p>
      ) : (
        <ul className="divide-y divide-line">
          {slow.map((query) => (
            <li key={`${query.at} ${query.query}`} className="px-3 py-2">
              <span className="flex items-center justify-between gap-2 text-xs">
                <span className="text-muted">{query.route ?? "outside a request"}</span>
                <span className="tabular font-medium">{formatDuration(query.durationMs)}</span>
                <Moment iso={query.at} className="text-faint" />
              </span>
              <code className="mt-1 line-clamp-2 block font-mono text-faint text-xs">{query.query}</code>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
