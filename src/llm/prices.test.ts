import assert from "node:assert/strict";
import { test } from "node:test";
import { calcPrice } from "@pydantic/genai-prices";
import { testAccount } from "../../test/support/llm/gateway-fixture.ts";
import { costBounds, costOf, PriceTable } from "./prices.ts";

const now = Date.parse("2026-11-23T12:00:00Z");
const account = (
  kind: "openai" | "anthropic" | "google" | "ollama" | "openai_compatible",
  baseUrl = "https://example.org",
) => testAccount(kind, baseUrl);
const usage = (inputTokens: number, cacheReadTokens: number, cacheWriteTokens: number, outputTokens: number) => ({
  inputTokens,
  cacheReadTokens,
  cacheWriteTokens,
  outputTokens,
  reasoningTokens: Math.floor(outputTokens / 2),
  estimated: false,
});

test("costs are those of the kept table to the nano-USD, over models, tiers and token classes", () => {
  const prices = new PriceTable();
  const models = [
    ["openai", "gpt-4o-mini"],
    ["openai", "gpt-5.4"],
    ["openai", "o3"],
    ["anthropic", "claude-sonnet-4-5-20250929"],
    ["anthropic", "claude-opus-5-5"],
    ["google", "gemini-2.5-pro"],
  ] as const;
  for (const [kind, model] of models) {
    const price = prices.lookup(account(kind), model, now);
    assert.ok(price !== null, model);
    for (const input of [0, 1, 1000, 199_999, 200_000, 200_001, 272_000, 272_001, 900_000]) {
      const counts = usage(input, Math.floor(input / 3), kind === "anthropic" ? Math.floor(input / 4) : 0, 777);
      const table = calcPrice(
        {
          input_tokens: counts.inputTokens,
          cache_read_tokens: counts.cacheReadTokens,
          ...(kind === "anthropic" ? { cache_write_tokens: counts.cacheWriteTokens } : {}),
          output_tokens: counts.outputTokens,
        },
        model,
        { providerId: kind, timestamp: new Date(now) },
      );
      const expected = Math.round((table?.total_price ?? Number.NaN) * 1_000_000_000);
      assert.ok(
        Math.abs(costOf(price, counts) - expected) <= 1,
        `${model} ${input}: ${costOf(price, counts)} ${expected}`,
      );
      const bounds = costBounds(price, input);
      assert.ok(
        bounds.inputNanoUsd + 777 * bounds.outputNanoUsdPerToken >= costOf(price, counts),
        `${model} ${input}: bound`,
      );
    }
  }
});

test("what is not known is null; local servers bill nobody; the owner's prices win", () => {
  const prices = new PriceTable({ "openai/private-model": { inputUsdPerMillion: 2, outputUsdPerMillion: 4 } });
  assert.equal(prices.lookup(account("openai"), "test-model", now), null);
  assert.equal(prices.lookup(account("openai_compatible", "http://10.0.0.1:8000/v1"), "llama", now), null);
  assert.equal(prices.lookup(account("ollama"), "gpt-oss:120b-cloud", now), null);
  const local = prices.lookup(account("ollama"), "llama3", now);
  assert.ok(local !== null && costOf(local, usage(1000, 0, 0, 1000)) === 0);
  const groq = prices.lookup(
    account("openai_compatible", "https://api.groq.com/openai/v1"),
    "llama-3.3-70b-versatile",
    now,
  );
  assert.ok(groq !== null && groq.input.base > 0);
  const own = prices.lookup(account("openai"), "private-model", now);
  assert.ok(own !== null && costOf(own, usage(10, 5, 0, 10)) === 10 * 2000 + 10 * 4000);
  const perAccount = testAccount("openai", "https://example.org", {
    priceOverrides: { "gpt-4o": { inputUsdPerMillion: 1, outputUsdPerMillion: 1, cacheReadUsdPerMillion: 0 } },
  });
  const overridden = prices.lookup(perAccount, "gpt-4o", now);
  assert.ok(overridden !== null && costOf(overridden, usage(10, 4, 0, 1)) === 7000);
});

test("a batch costs half, rounded to whole nano-USD", () => {
  const price = new PriceTable().lookup(account("openai"), "gpt-4o-mini", now);
  assert.ok(price !== null);
  assert.equal(costOf(price, usage(1, 0, 0, 1), 0.5), 375);
});
