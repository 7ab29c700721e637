import { type Static, Type } from "typebox";
import { nullable, object } from "#contracts";

// The wire format of OpenAI's API reference, "Create chat completion", "Create embeddings". Parameters that change nothing
// here (user, metadata, store, …) are taken; those that would change the answer and are not supported are refused.

const TextPart = object({ type: Type.Literal("text"), text: Type.String() });
const Content = Type.Union([Type.String(), Type.Array(TextPart, { minItems: 1, maxItems: 1_000 })]);
const ToolCall = object({
  id: Type.String({ minLength: 1, maxLength: 200 }),
  type: Type.Literal("function"),
  function: object({ name: Type.String({ minLength: 1, maxLength: 200 }), arguments: Type.String() }),
});

export const ChatMessage = object({
  role: Type.Enum(["system", "developer", "user", "assistant", "tool"]),
  content: Type.Optional(nullable(Content)),
  name: Type.Optional(Type.String({ maxLength: 200 })),
  refusal: Type.Optional(nullable(Type.String())),
  tool_calls: Type.Optional(Type.Array(ToolCall, { maxItems: 200 })),
  tool_call_id: Type.Optional(Type.String({ maxLength: 200 })),
});
export type ChatMessage = Static<typeof ChatMessage>;

const FunctionTool = object({
  type: Type.Literal("function"),
  function: object({
    name: Type.String({ minLength: 1, maxLength: 64, pattern: "^[A-Za-z0-9_-]+$" }),
    description: Type.Optional(Type.String()),
    parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    strict: Type.Optional(nullable(Type.Boolean())),
  }),
});

const ResponseFormat = Type.Union([
  object({ type: Type.Literal("text") }),
  object({ type: Type.Literal("json_object") }),
  object({
    type: Type.Literal("json_schema"),
    json_schema: object({
      name: Type.String({ minLength: 1, maxLength: 64 }),
      description: Type.Optional(Type.String()),
      schema: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      strict: Type.Optional(nullable(Type.Boolean())),
    }),
  }),
]);

/** Muster's own, beside OpenAI's fields: what the cache may do for this call. */
const CacheMode = Type.Enum(["auto", "force", "off"], {
  description: "auto: cached at temperature 0; force: cached at any; off: neither read nor kept",
});
const MaxTokens = Type.Integer({ minimum: 1, maximum: 10_000_000 });

export const ChatCompletionBody = object({
  model: Type.String({ minLength: 1, maxLength: 200 }),
  messages: Type.Array(ChatMessage, { minItems: 1, maxItems: 10_000 }),
  stream: Type.Optional(nullable(Type.Boolean())),
  stream_options: Type.Optional(
    nullable(
      object({ include_usage: Type.Optional(Type.Boolean()), include_obfuscation: Type.Optional(Type.Boolean()) }),
    ),
  ),
  max_tokens: Type.Optional(nullable(MaxTokens)),
  max_completion_tokens: Type.Optional(nullable(MaxTokens)),
  temperature: Type.Optional(nullable(Type.Number({ minimum: 0, maximum: 2 }))),
  top_p: Type.Optional(nullable(Type.Number({ minimum: 0, maximum: 1 }))),
  stop: Type.Optional(nullable(Type.Union([Type.String(), Type.Array(Type.String(), { maxItems: 4 })]))),
  seed: Type.Optional(nullable(Type.Integer())),
  tools: Type.Optional(Type.Array(FunctionTool, { maxItems: 128 })),
  tool_choice: Type.Optional(
    Type.Union([
      Type.Enum(["auto", "none", "required"]),
      object({ type: Type.Literal("function"), function: object({ name: Type.String() }) }),
    ]),
  ),
  response_format: Type.Optional(ResponseFormat),
  n: Type.Optional(nullable(Type.Literal(1))),
  frequency_penalty: Type.Optional(nullable(Type.Literal(0))),
  presence_penalty: Type.Optional(nullable(Type.Literal(0))),
  logprobs: Type.Optional(nullable(Type.Literal(false))),
  parallel_tool_calls: Type.Optional(Type.Boolean()),
  user: Type.Optional(Type.String()),
  metadata: Type.Optional(nullable(Type.Record(Type.String(), Type.String()))),
  store: Type.Optional(nullable(Type.Boolean())),
  service_tier: Type.Optional(nullable(Type.String())),
  prompt_cache_key: Type.Optional(Type.String()),
  safety_identifier: Type.Optional(Type.String()),
  cache: Type.Optional(CacheMode),
});
export type ChatCompletionBody = Static<typeof ChatCompletionBody>;

export const EmbeddingsBody = object({
  model: Type.String({ minLength: 1, maxLength: 200 }),
  input: Type.Union([
    Type.String({ minLength: 1 }),
    Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 2_048 }),
  ]),
  encoding_format: Type.Optional(Type.Enum(["float", "base64"])),
  dimensions: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
  user: Type.Optional(Type.String()),
  cache: Type.Optional(CacheMode),
});
export type EmbeddingsBody = Static<typeof EmbeddingsBody>;

const Prompt = Type.String({ minLength: 1 });
export const CompletionBody = object({
  model: Type.String({ minLength: 1, maxLength: 200 }),
  prompt: Type.Union([Prompt, Type.Array(Prompt, { minItems: 1, maxItems: 200 })]),
  stream: Type.Optional(nullable(Type.Boolean())),
  stream_options: Type.Optional(
    nullable(
      object({ include_usage: Type.Optional(Type.Boolean()), include_obfuscation: Type.Optional(Type.Boolean()) }),
    ),
  ),
  max_tokens: Type.Optional(nullable(MaxTokens)),
  temperature: Type.Optional(nullable(Type.Number({ minimum: 0, maximum: 2 }))),
  top_p: Type.Optional(nullable(Type.Number({ minimum: 0, maximum: 1 }))),
  stop: Type.Optional(nullable(Type.Union([Type.String(), Type.Array(Type.String(), { maxItems: 4 })]))),
  seed: Type.Optional(nullable(Type.Integer())),
  n: Type.Optional(nullable(Type.Literal(1))),
  best_of: Type.Optional(nullable(Type.Literal(1))),
  echo: Type.Optional(nullable(Type.Literal(false))),
  frequency_penalty: Type.Optional(nullable(Type.Literal(0))),
  presence_penalty: Type.Optional(nullable(Type.Literal(0))),
  logprobs: Type.Optional(Type.Null()),
  suffix: Type.Optional(Type.Null()),
  user: Type.Optional(Type.String()),
  cache: Type.Optional(CacheMode),
});
export type CompletionBody = Static<typeof CompletionBody>;

const Embedding = object({
  object: Type.Literal("embedding"),
  index: Type.Integer(),
  embedding: Type.Union([Type.Array(Type.Number()), Type.String()]),
});
export const EmbeddingsAnswer = object({
  object: Type.Literal("list"),
  data: Type.Array(Embedding),
  model: Type.String(),
  usage: object({ prompt_tokens: Type.Integer(), total_tokens: Type.Integer() }),
});

export const OpenAiModelList = object({
  object: Type.Literal("list"),
  data: Type.Array(
    object({
      id: Type.String(),
      object: Type.Literal("model"),
      created: Type.Integer(),
      owned_by: Type.String(),
    }),
  ),
});
