"use client";
import { useQuery } from "@tanstack/react-query";
import { Sparkles } from "lucide-react";
import { useState } from "react";
import { Input } from "../../components/ui/field.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { ScrollRegion } from "../../components/ui/scroll-region.tsx";
import { Empty, Failure, Skeleton } from "../../components/ui/states.tsx";
import { Badge } from "../../components/ui/status.tsx";
import { formatCount, formatTokenPrice } from "../../lib/format.ts";
import { modelName } from "../../lib/model-name.ts";
import { queries } from "../../lib/queries.ts";
import { providerNames } from "./provider-names.ts";

/** Every model with its price and context; those that an account offers come first. */
export default function ModelsPart() {
  const { data, error, refetch } = useQuery(queries.models());
  const [search, setSearch] = useState("");
  if (error && !data) return <Failure error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton className="h-72 rounded-lg" />;
  const words = search.trim().toLowerCase();
  const models = data.data
    .filter((model) => !words || `${model.id} ${model.name} ${model.provider}`.toLowerCase().includes(words))
    .sort((one, other) => Number(other.available) - Number(one.available) || one.id.localeCompare(other.id));
  return (
    <Panel
      title={`Models · ${models.length}`}
      action={
        <Input
          type="search"
          aria-label="Filter the models"
          placeholder="Filter"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
          className="max-w-48"
        />
      }
    >
      {models.length === 0 ? (
        <Empty icon={Sparkles} title="No model has this name" />
      ) : (
        <ScrollRegion label="Models" className="max-h-[70dvh]">
          <table className="tabular w-full min-w-[38rem]">
            <thead className="sticky top-0 bg-surface text-left text-faint text-xs">
              <tr className="[&>th]:border-line [&>th]:border-b [&>th]:px-3 [&>th]:py-2 [&>th]:font-medium">
                <th>Model</th>
                <th>Provider</th>
                <th className="text-right">In, per million</th>
                <th className="text-right">Out, per million</th>
                <th className="text-right">Context</th>
              </tr>
            </thead>
            <tbody className="[&>tr>*]:border-line [&>tr>*]:border-b [&>tr>*]:px-3 [&>tr>*]:py-1.5">
              {models.slice(0, 200).map((model) => (
                <tr key={model.id} className={model.available ? "" : "text-faint"}>
                  <th scope="row" className="text-left font-medium">
                    {modelName(model.id)}
                    {model.id === data.defaultModel && (
                      <Badge tone="accent" className="ml-2">
                        Default
                      </Badge>
                    )}
                    {!model.available && <span className="ml-2 font-normal text-xs">no account</span>}
                  </th>
                  <td>{providerNames[model.provider]}</td>
                  <td className="text-right">{formatTokenPrice(model.inputNanoUsdPerToken)}</td>
                  <td className="text-right">{formatTokenPrice(model.outputNanoUsdPerToken)}</td>
                  <td className="text-right">
                    {model.contextTokens === null ? "unknown" : formatCount(model.contextTokens)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {models.length > 200 && (
            <p className="px-3 py-2 text-faint text-xs">{models.length - 200} more: filter to see them.</p>
          )}
        </ScrollRegion>
      )}
    </Panel>
  );
}
