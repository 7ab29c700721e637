import type { ModelView } from "#contracts";
import { formatTokenPrice } from "../../lib/format.ts";
import { providerNames } from "../settings/provider-names.ts";

/** Models as options, by provider, those that can be used now first, each with its price. */
export function ModelOptions({ models }: { models: ModelView[] }) {
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
              <ModelOption key={model.id} model={model} />
            ))}
        </optgroup>
      ))}
      {others.length > 0 && (
        <optgroup label="No account for these">
          {others.map((model) => (
            <ModelOption key={model.id} model={model} />
          ))}
        </optgroup>
      )}
    </>
  );
}

function ModelOption({ model }: { model: ModelView }) {
  const free = model.inputNanoUsdPerToken === 0 && model.outputNanoUsdPerToken === 0;
  const price = free
    ? "free"
    : `${formatTokenPrice(model.inputNanoUsdPerToken)} / ${formatTokenPrice(model.outputNanoUsdPerToken)}`;
  return (
    <option value={model.id}>
      {model.name} ({price})
    </option>
  );
}
