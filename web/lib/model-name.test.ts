import assert from "node:assert/strict";
import { test } from "node:test";
import { modelName } from "./model-name.ts";

test("a model is written as its provider calls it", () => {
  assert.equal(modelName("openai/gpt-4.1"), "gpt-4.1");
  assert.equal(modelName("openai_compatible/meta-llama/llama-4"), "meta-llama/llama-4");
  assert.equal(modelName("muster/offline"), "offline");
  for (const name of ["gpt-4.1", "squad/writers", "meta-llama/llama-4"]) assert.equal(modelName(name), name);
});
