import { type Static, Type } from "typebox";

const url = (schemes: string, description: string) =>
  Type.Optional(
    Type.String({
      pattern: `^(${schemes})://.+`,
      expected: `a URL that begins with ${schemes.replaceAll("|", ":// or ")}://`,
      description,
    }),
  );
const milliseconds = (fallback: number, description: string) =>
  Type.Integer({
    minimum: 0,
    maximum: 86_400_000,
    default: fallback,
    description,
    expected: "milliseconds, a whole number from 0",
  });
const secret = (description: string) => Type.Optional(Type.String({ minLength: 1, description, secret: true }));
const oneOf = <const Values extends readonly string[]>(values: Values, fallback: Values[number], description: string) =>
  Type.Unsafe<Values[number]>({
    type: "string",
    enum: [...values],
    default: fallback,
    description,
    expected: `one of ${values.join(", ")}`,
  });

export const roles = ["all", "api", "worker"] as const;
export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** Every variable that Muster reads, in the order of the documentation. The names are part of the contract. */
export const environmentSchema = Type.Object({
  PORT: Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: 3000,
    description: "Port of the API and the UI; 0 takes a free one",
    expected: "a port from 0 to 65535",
  }),
  HOST: Type.String({
    default: "127.0.0.1",
    pattern: "^[^\\s/]+$",
    description: "Address to listen on; 0.0.0.0 for every network",
    expected: "a host name or an address",
  }),
  MUSTER_DATA_DIR: Type.String({
    default: ".muster",
    minLength: 1,
    description: "Folder of the embedded database, the workspaces and the key file",
  }),
  MUSTER_ROLE: oneOf(roles, "all", "What this process does: everything, only the API, or only the work"),
  MUSTER_PROCESSES: Type.Integer({
    minimum: 1,
    maximum: 256,
    default: 1,
    description: "API processes on this machine",
    expected: "a whole number from 1 to 256",
  }),
  MUSTER_TRUSTED_PROXIES: Type.Optional(
    Type.String({
      pattern: "^[0-9a-fA-F.:/]+( *, *[0-9a-fA-F.:/]+)*$",
      description: "Proxies whose X-Forwarded-For is believed: addresses or networks, e.g. 10.0.0.7, 172.16.0.0/12",
      expected: "addresses or networks (10.0.0.7, 172.16.0.0/12) with commas between them",
    }),
  ),
  DATABASE_URL: url("postgres|postgresql", "PostgreSQL 15 or newer; without it Muster runs its own"),
  DATABASE_READ_URL: url("postgres|postgresql", "A replica for reads that may lag"),
  DATABASE_POOL_MIN: Type.Integer({
    minimum: 0,
    maximum: 1000,
    default: 5,
    description: "Connections kept open",
    expected: "a whole number from 0 to 1000",
  }),
  DATABASE_POOL_MAX: Type.Integer({
    minimum: 1,
    maximum: 1000,
    default: 20,
    description: "Connections at most, for each process",
    expected: "a whole number from 1 to 1000",
  }),
  DATABASE_IDLE_TIMEOUT_MS: milliseconds(30_000, "An idle connection above the minimum is closed after this time"),
  DATABASE_CONNECTION_TIMEOUT_MS: milliseconds(5_000, "How long to wait for a connection"),
  SLOW_QUERY_MS: milliseconds(1_000, "Queries that take longer are logged"),
  REDIS_URL: url("redis|rediss", "Second cache level, shared by several processes; optional"),
  MUSTER_SECRET_KEY: Type.Optional(
    Type.String({
      minLength: 32,
      secret: true,
      description: "Encrypts the provider keys; without it a key file in the data folder does",
      expected: "at least 32 characters",
    }),
  ),
  MUSTER_BATCH_SIZE: Type.Integer({
    minimum: 1,
    maximum: 2048,
    default: 10,
    description: "Embeddings or prompts that are sent in one request, where calls may wait for each other",
    expected: "a whole number from 1 to 2048",
  }),
  MUSTER_BATCH_WAIT_MS: milliseconds(500, "How long the first of them waits for others"),
  LOG_LEVEL: oneOf(logLevels, "info", "The least severe messages that are logged"),
  OPENAI_API_KEY: secret("Key of OpenAI or of a compatible provider"),
  OPENAI_BASE_URL: url(
    "http|https",
    "Address of an OpenAI-compatible provider, with its version, e.g. https://api.openai.com/v1",
  ),
  ANTHROPIC_API_KEY: secret("Key of Anthropic"),
  ANTHROPIC_BASE_URL: url("http|https", "Address of an Anthropic-compatible provider, e.g. https://api.anthropic.com"),
  GOOGLE_API_KEY: secret("Key of Google (Gemini)"),
  OLLAMA_BASE_URL: url("http|https", "Address of Ollama, e.g. http://127.0.0.1:11434"),
  OTEL_EXPORTER_OTLP_ENDPOINT: url("http|https", "Where traces go (OTLP over HTTP)"),
});

export type Environment = Static<typeof environmentSchema>;

/** What documentation and `muster doctor` say of a variable. */
export interface EnvironmentVariable {
  name: string;
  description: string;
  /** As it would stand in a file; null when the variable has none. */
  default: string | null;
  secret: boolean;
}

export const environmentVariables: readonly EnvironmentVariable[] = Object.entries(environmentSchema.properties).map(
  ([name, schema]) => {
    const {
      default: fallback,
      description,
      secret,
    } = schema as { default?: unknown; description?: string; secret?: boolean };
    return {
      name,
      description: description ?? "",
      default: fallback === undefined ? null : String(fallback),
      secret: secret === true,
    };
  },
);

/** The text of `.env.example`, generated so that it cannot lag behind the schema. */
export function renderEnvExample(): string {
  const lines = environmentVariables.flatMap((variable) => [
    "",
    `# ${variable.description}`,
    `${variable.default === null ? "# " : ""}${variable.name}=${variable.default ?? ""}`,
  ]);
  return ["# Copy to .env. Every variable is optional; the values are the defaults.", ...lines, ""].join("\n");
}
