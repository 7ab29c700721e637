import type { CacheResult, ModelInfo, RoleTemplate, SquadTemplate, ToolClass } from "#contracts";
import type { Database, ExecutionHints, ProviderCredentials, SecretBox } from "#domain";
import type { EventHub } from "#events";
import type { CacheFilter, LlmCallContext, LlmHandler, LlmUsage, ProviderModel } from "#llm";
import type { CallContext, Logger, Metrics, MetricsSnapshot, Tracer } from "#metrics";
import type { AnswerCache } from "./response-cache.ts";

/** What the API asks of the LLM gateway. */
export interface ModelGateway {
  call: LlmHandler;
  embed(request: EmbeddingRequest, context: LlmCallContext): Promise<EmbeddingReply>;
  /** Every model this user can name, with prices; those of configured providers are `available`. */
  listModels(userId: string): Promise<ModelInfo[]>;
  /** The model that a member gets when none is named. */
  defaultModel(userId: string): Promise<string>;
  /** Forgets the user's cached answers of a squad, a model or all, in every process; how many it was. */
  purgeCache(filter: CacheFilter): Promise<number>;
  /** Asks the account's provider what it offers; rejects with `LlmError`. */
  testAccount(account: ProviderCredentials, signal: AbortSignal): Promise<ProviderModel[]>;
}

export interface EmbeddingRequest {
  model: string;
  inputs: string[];
  dimensions?: number;
}

export interface EmbeddingReply {
  /** In the order of the inputs. */
  vectors: number[][];
  model: string;
  usage: LlmUsage;
  costNanoUsd: number | null;
  cacheResult?: CacheResult;
}

/** The files of executions, each workspace by itself. */
export interface WorkspaceReader {
  /** Rejects with an error whose `code` is `ENOENT` when the execution has made no file yet. */
  list(executionId: string): Promise<{ path: string; bytes: number; modifiedAt: string }[]>;
  /** Null when there is no such file in this workspace, or the path leads out of it. */
  read(executionId: string, path: string): Promise<Buffer | null>;
}

export interface ToolInfo {
  name: string;
  description: string;
  class: ToolClass;
}

/** Limits a process sets on what comes in. Absent fields take the defaults of `admissionDefaults`. */
export interface AdmissionLimits {
  /** Requests per second and burst of one user. */
  perCaller: { perSecond: number; burst: number };
  /** Requests per second and burst of one address without a valid credential. */
  perAddress: { perSecond: number; burst: number };
  /** Tries to sign in, claim or join, per address and per e-mail. */
  signIn: { perSecond: number; burst: number };
  /** Above this many requests at once new ones get 503. */
  maxInFlight: number;
  /** The same for calls that wait for a model and for files. */
  maxLongInFlight: number;
  /** While the event loop is later than this, time after time, new requests get 503. */
  maxLoopDelayMs: number;
  /** Callers that may wait for a database connection before new requests get 503. */
  maxPoolWaiting: number;
}

/** Everything the HTTP layer works with; built in main/compose. */
export interface HttpDependencies {
  db: Database;
  events: EventHub;
  hints: ExecutionHints;
  gateway: ModelGateway;
  workspaces: WorkspaceReader;
  /** Whoever commits what a worker did invalidates its tags (`executionChangeTags`) before its events go out. */
  cache: AnswerCache;
  metrics: Metrics;
  /** Figures of the other processes of this machine, for `/metrics` and `/performance`; absent: there are none. */
  otherProcesses?: () => Promise<MetricsSnapshot[]>;
  context: CallContext;
  logger: Logger;
  tracer?: Tracer | undefined;
  secretBox: SecretBox;
  templates: readonly SquadTemplate[];
  roles: readonly RoleTemplate[];
  tools: readonly ToolInfo[];
  /** Version shown in /openapi.json. */
  version: string;
  /** Folder of the built web UI; null serves the API alone. */
  webRoot: string | null;
  /** Addresses or networks of proxies whose X-Forwarded-For tells the client's address; absent: nobody is believed. */
  trustedProxies?: string[] | undefined;
  /** Called when provider accounts were changed, so that the gateway reads them again. */
  onProviderAccountsChanged?: (userId: string) => void;
  /** Called when a budget was set, so that the gateway's next plain call asks for it. */
  onBudgetsChanged?: (userId: string) => void;
  limits?: Partial<AdmissionLimits>;
  /** Milliseconds a client has to send a whole request; slower ones are cut off with 408. Absent: 30 s. */
  receiveTimeoutMs?: number;
}
