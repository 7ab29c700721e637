import type { PriceOverrides } from "#contracts";

/** One model's own price as it is written down: dollars per million tokens. `model` empty: the line is not there yet. */
export interface PriceLine {
  model: string;
  input: string;
  output: string;
}

/** Dollars per million tokens are thousands of nano-USD per token. */
const nanoUsdPerToken = 1000;
const mostDollars = 1_000_000;

/** Prices of an account as lines to be changed. */
export function linesOf(prices: PriceOverrides): PriceLine[] {
  return Object.entries(prices).map(([model, price]) => ({
    model,
    input: String(price.inputNanoUsdPerToken / nanoUsdPerToken),
    output: String(price.outputNanoUsdPerToken / nanoUsdPerToken),
  }));
}

/**
 * The prices to save after the lines were changed, or undefined when they say what is stored already: then nothing is sent, and
 * nothing is rounded or lost. A model's prices for cached tokens, which have no field, go along.
 */
export function changedPrices(lines: readonly PriceLine[], stored: PriceOverrides): PriceOverrides | undefined {
  const storedLines = linesOf(stored);
  const next: PriceOverrides = {};
  let changed = lines.length !== storedLines.length;
  for (const line of lines) {
    const model = line.model.trim();
    const before = storedLines.find((one) => one.model === model);
    const same = before !== undefined && before.input === line.input.trim() && before.output === line.output.trim();
    if (!same) changed = true;
    const old = stored[model];
    next[model] =
      same && old
        ? old
        : { ...old, inputNanoUsdPerToken: toNanoUsd(line.input), outputNanoUsdPerToken: toNanoUsd(line.output) };
  }
  return changed ? next : undefined;
}

/** Twelve digits: 2.3 dollars are 2300, not 2299.9999999999995. */
const toNanoUsd = (dollars: string) => Number((Number(dollars) * nanoUsdPerToken).toPrecision(12));

/** What is wrong with the price in a field, or null. */
export function priceFault(dollars: string): string | null {
  if (dollars.trim() === "") return "Write both prices; 0 where it costs nothing.";
  if (!/^(\d+\.?\d*|\.\d+)(e-\d+)?$/i.test(dollars.trim())) return "Write dollars such as 2.50.";
  return Number(dollars) > mostDollars ? "At most a million dollars." : null;
}

/** What is wrong with the model of a line, or null. `offered` are the models that the account names; none: any. */
export function modelFault(
  model: string,
  lines: readonly PriceLine[],
  offered: readonly string[],
  stored: PriceOverrides,
): string | null {
  const name = model.trim();
  if (name === "") return "Name the model.";
  if (lines.filter((line) => line.model.trim() === name).length > 1) return "This model has two prices.";
  if (offered.length > 0 && !offered.includes(name) && !Object.hasOwn(stored, name))
    return "Not among the models named above.";
  return null;
}
