import { type Static, Type } from "typebox";
import { providerKinds, providerWires } from "../closed-sets.ts";
import { Id, listOf, Name, nullable, object, Timestamp } from "./common.ts";

const Price = Type.Number({ minimum: 0, maximum: 1_000_000_000 });
/** Own prices by model, nano-USD per token; a price given here wins over the built-in table. */
export const PriceOverrides = Type.Record(
  Type.String({ minLength: 1, maxLength: 200 }),
  object({
    inputNanoUsdPerToken: Price,
    outputNanoUsdPerToken: Price,
    cacheReadNanoUsdPerToken: Type.Optional(Price),
    cacheWriteNanoUsdPerToken: Type.Optional(Price),
  }),
);
export type PriceOverrides = Static<typeof PriceOverrides>;

/** What a new account can begin with. */
export const ProviderPresetView = object({
  slug: Type.String(),
  name: Type.String(),
  kind: Type.Enum(providerKinds),
  baseUrl: Type.String(),
  needsKey: Type.Boolean(),
  isLocal: Type.Boolean({ description: "On this machine or network: the owner must allow private addresses" }),
});
export const ProviderPresetList = listOf(ProviderPresetView);
export type ProviderPresetList = Static<typeof ProviderPresetList>;

export const ProviderAccount = object({
  id: Id,
  kind: Type.Enum(providerKinds),
  wire: Type.Enum(providerWires, {
    description: "Of kinds openai and openai_compatible: OpenAI's chat completions (default) or responses format",
  }),
  name: Type.String(),
  baseUrl: nullable(Type.String()),
  hasKey: Type.Boolean(),
  keyHint: nullable(Type.String({ description: "The key's last four characters" })),
  models: Type.Array(Type.String(), {
    description: "Models this account offers; empty: those its provider is known for",
  }),
  allowPrivateAddress: Type.Boolean(),
  requestsPerMinute: nullable(Type.Integer()),
  tokensPerMinute: nullable(Type.Integer()),
  priceOverrides: PriceOverrides,
  enabled: Type.Boolean(),
  createdAt: Timestamp,
  updatedAt: Timestamp,
});
export type ProviderAccount = Static<typeof ProviderAccount>;
export const ProviderAccountList = listOf(ProviderAccount);
export type ProviderAccountList = Static<typeof ProviderAccountList>;
export const ProviderAccountParams = object({ providerAccountId: Id });
export const ProviderAccountAnswer = object({ providerAccount: ProviderAccount });
export type ProviderAccountAnswer = Static<typeof ProviderAccountAnswer>;

const BaseUrl = Type.String({
  minLength: 8,
  maxLength: 500,
  pattern: "^https?://[^\\s@]+$",
  description: "An http:// or https:// address without credentials",
});
const ApiKeySecret = Type.String({ minLength: 1, maxLength: 1_000, description: "Write-only; stored encrypted" });
const Models = Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems: 500, uniqueItems: true });
const PerMinute = Type.Integer({ minimum: 1, maximum: 1_000_000_000 });

export const CreateProviderAccountBody = object({
  kind: Type.Enum(providerKinds),
  wire: Type.Optional(Type.Enum(providerWires)),
  name: Name,
  baseUrl: Type.Optional(BaseUrl),
  apiKey: Type.Optional(ApiKeySecret),
  models: Type.Optional(Models),
  allowPrivateAddress: Type.Optional(Type.Boolean()),
  requestsPerMinute: Type.Optional(nullable(PerMinute)),
  tokensPerMinute: Type.Optional(nullable(PerMinute)),
  priceOverrides: Type.Optional(PriceOverrides),
  enabled: Type.Optional(Type.Boolean()),
});
export type CreateProviderAccountBody = Static<typeof CreateProviderAccountBody>;

/** `apiKey` null removes the key; absent keeps it. A new `baseUrl` needs the key again, so that it cannot be sent elsewhere. */
export const UpdateProviderAccountBody = object({
  wire: Type.Optional(Type.Enum(providerWires)),
  name: Type.Optional(Name),
  baseUrl: Type.Optional(nullable(BaseUrl)),
  apiKey: Type.Optional(nullable(ApiKeySecret)),
  models: Type.Optional(Models),
  allowPrivateAddress: Type.Optional(Type.Boolean()),
  requestsPerMinute: Type.Optional(nullable(PerMinute)),
  tokensPerMinute: Type.Optional(nullable(PerMinute)),
  priceOverrides: Type.Optional(PriceOverrides),
  enabled: Type.Optional(Type.Boolean()),
});
export type UpdateProviderAccountBody = Static<typeof UpdateProviderAccountBody>;

/** `error` says what to do; `models` are those the provider lists. */
export const ProviderAccountTest = object({
  ok: Type.Boolean(),
  latencyMs: Type.Integer(),
  models: Type.Array(Type.String()),
  error: nullable(Type.String()),
});
export type ProviderAccountTest = Static<typeof ProviderAccountTest>;
