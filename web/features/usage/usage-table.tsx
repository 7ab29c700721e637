import type { UsageSummary } from "#contracts";
import { AppLink } from "../../components/ui/app-link.tsx";
import { ScrollRegion } from "../../components/ui/scroll-region.tsx";
import { formatCost, formatCount, formatMoney, formatPercent } from "../../lib/format.ts";

/** The groups as a table; the bar behind a name is its share of the tokens or the cost. */
export function UsageTable({ summary }: { summary: UsageSummary }) {
  const cost = summary.total.costNanoUsd ?? 0;
  const tokens = summary.total.inputTokens + summary.total.outputTokens;
  return (
    <ScrollRegion label={`Usage by ${summary.groupBy}`}>
      <table className="tabular w-full min-w-[44rem] text-sm">
        <thead className="text-left text-faint text-xs">
          <tr className="[&>th]:border-line [&>th]:border-b [&>th]:px-3 [&>th]:whitespace-nowrap [&>th]:py-2 [&>th]:font-medium">
            <th className="w-[34%]">{summary.groupBy.charAt(0).toUpperCase() + summary.groupBy.slice(1)}</th>
            <th className="text-right">Cost</th>
            <th className="text-right">Calls</th>
            <th className="text-right">Tokens in</th>
            <th className="text-right">Tokens out</th>
            <th className="text-right">Cached</th>
            <th className="text-right">Saved</th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line [&>tr>*]:px-3 [&>tr>*]:py-1.5">
          {summary.rows.map((row) => {
            const share =
              cost > 0 ? (row.costNanoUsd ?? 0) / cost : tokens > 0 ? (row.inputTokens + row.outputTokens) / tokens : 0;
            return (
              <tr key={row.key ?? "none"}>
                <th scope="row" className="max-w-0 text-left font-medium">
                  <span className="block truncate">
                    {summary.groupBy === "squad" && row.key ? (
                      <AppLink href={`/squads/${row.key}`} className="hover:underline">
                        {row.label}
                      </AppLink>
                    ) : (
                      row.label
                    )}
                  </span>
                  <span aria-hidden className="mt-1 block h-0.75 overflow-hidden rounded-full bg-hover">
                    <span className="block h-full rounded-full bg-accent/70" style={{ width: `${share * 100}%` }} />
                  </span>
                </th>
                <td className="text-right">{formatCost(row.costNanoUsd, row.unpricedCalls > 0)}</td>
                <td className="text-right">{formatCount(row.calls)}</td>
                <td className="text-right">{formatCount(row.inputTokens)}</td>
                <td className="text-right">{formatCount(row.outputTokens)}</td>
                <td className="text-right text-muted">
                  {row.calls > 0 ? formatPercent(row.cacheHits / row.calls) : ""}
                </td>
                <td className="text-right text-muted">{formatMoney(row.savedNanoUsd)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </ScrollRegion>
  );
}
