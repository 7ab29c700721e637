import type { ModelView } from "#contracts";
import { formatTokenPrice } from "../../lib/format.ts";
import { modelName } from "../../lib/model-name.ts";
import { providerNames } from "../settings/provider-names.ts";

/** Models as options, by provider, those that can be used now first, each with its price; `prefix` stands before their values. */
export function ModelOptions({ models, prefix = "" }: { models: ModelView[]; prefix?: string }) {
  const usable = models.filter((model) => model.available);
  const providers = [...new Set(usable.map((model) => model.provider))];
  const others = models.filter((model) => !model.available);
  return (
    <>
      {providers.map((provider) => (
        <optgroup key={provider} label={providerNames[provider]}>
          {usable
            .filter((model) => model.provider === provider)
            .map((model) => (
              <ModelOption key={model.id} model={model} prefix={prefix} />
            ))}
        </optgroup>
      ))}
      {others.length > 0 && (
        <optgroup label="No account for these">
          {others.map((model) => (
            <ModelOption key={model.id} model={model} prefix={prefix} />
          ))}
        </optgroup>
      )}
    </>
  );
}

function ModelOption({ model, prefix }: { model: ModelView; prefix: string }) {
  const free = model.inputNanoUsdPerToken === 0 && model.outputNanoUsdPerToken === 0;
  const price = free
    ? "free"
    : `${formatTokenPrice(model.inputNanoUsdPerToken)} / ${formatTokenPrice(model.outputNanoUsdPerToken)}`;
  return (
    <option value={prefix + model.id}>
      {modelName(model.id)} ({price})
    </option>
  );
}
