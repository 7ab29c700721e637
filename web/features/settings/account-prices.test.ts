import assert from "node:assert/strict";
import { test } from "node:test";
import { changedPrices, linesOf, modelFault, priceFault } from "./account-prices.ts";

const stored = {
  large: { inputNanoUsdPerToken: 2300, outputNanoUsdPerToken: 9200, cacheReadNanoUsdPerToken: 230 },
  small: { inputNanoUsdPerToken: 0.1 + 0.2, outputNanoUsdPerToken: 0 },
};

test("lines that were not changed send nothing; one that was leaves the others and the prices of cached tokens as they were", () => {
  const lines = linesOf(stored);
  assert.equal(changedPrices(lines, stored), undefined);
  assert.equal(changedPrices([...lines].reverse(), stored), undefined);
  assert.equal(changedPrices([], {}), undefined);
  const dearer = lines.map((line) => (line.model === "large" ? { ...line, input: "2.3000001" } : line));
  assert.deepEqual(changedPrices(dearer, stored), {
    large: { ...stored.large, inputNanoUsdPerToken: 2300.0001 },
    small: stored.small,
  });
  assert.deepEqual(changedPrices(lines.slice(0, 1), stored), { large: stored.large });
  assert.deepEqual(changedPrices([], stored), {}, "all removed");
  assert.deepEqual(changedPrices([{ model: " new ", input: "2.3", output: "0" }], {}), {
    new: { inputNanoUsdPerToken: 2300, outputNanoUsdPerToken: 0 },
  });
});

test("a line needs a model that is offered, once, and both prices", () => {
  const lines = [
    { model: "large", input: "1", output: "2" },
    { model: "large ", input: "1", output: "2" },
    { model: "other", input: "1", output: "2" },
  ];
  assert.equal(modelFault("large", lines, [], stored), "This model has two prices.");
  assert.equal(modelFault(" ", lines, [], stored), "Name the model.");
  assert.equal(modelFault("other", lines, ["large"], stored), "Not among the models named above.");
  assert.equal(modelFault("other", lines, [], stored), null, "without names any model of the provider");
  assert.equal(modelFault("small", lines, ["large"], stored), null, "one that is stored may stay");
  for (const good of ["0", "2.50", ".5", " 3 ", "1e-7"]) assert.equal(priceFault(good), null, good);
  for (const bad of ["", " ", "2,50", "-1", "Infinity", "0x10", "1000001"]) assert.notEqual(priceFault(bad), null, bad);
});
