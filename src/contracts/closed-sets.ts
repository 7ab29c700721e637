/**
 * The closed sets of the domain. Types, JSON schemas and database checks all derive from these arrays
 * (a test compares the database's CHECK constraints with them).
 */
export const squadStatuses = ["active", "paused", "archived"] as const;
export type SquadStatus = (typeof squadStatuses)[number];

/** How a squad works: see `agents/processes`. */
export const squadProcesses = ["lead", "sequential", "parallel"] as const;
export type SquadProcess = (typeof squadProcesses)[number];

export const taskStatuses = ["pending", "in_progress", "completed", "failed", "cancelled"] as const;
export type TaskStatus = (typeof taskStatuses)[number];

export const taskPriorities = ["low", "medium", "high", "urgent"] as const;
export type TaskPriority = (typeof taskPriorities)[number];

export const executionStatuses = [
  "queued",
  "running",
  "paused",
  "awaiting_approval",
  "completed",
  "failed",
  "cancelled",
  "budget_exceeded",
] as const;
export type ExecutionStatus = (typeof executionStatuses)[number];

/** Statuses in which an execution rests until a user acts; a stream ends after these are reached. */
export const terminalExecutionStatuses = ["completed", "failed", "cancelled", "budget_exceeded"] as const;
export type TerminalExecutionStatus = (typeof terminalExecutionStatuses)[number];

/** Why an execution ended, when its status alone does not say. */
export const endReasons = [
  "done",
  "cancelled_by_user",
  "budget_exceeded",
  "step_limit",
  "llm_call_limit",
  "tool_call_limit",
  "time_limit",
  "plan_invalid",
  "approval_refused",
  "step_failed",
  "provider_failed",
  "no_progress",
  "internal_error",
] as const;
export type EndReason = (typeof endReasons)[number];

export const stepKinds = ["plan", "work", "review", "summary"] as const;
export type StepKind = (typeof stepKinds)[number];

export const stepStatuses = ["pending", "running", "completed", "failed", "skipped", "cancelled"] as const;
export type StepStatus = (typeof stepStatuses)[number];

export const messageStatuses = ["streaming", "completed", "reset", "cancelled"] as const;
export type MessageStatus = (typeof messageStatuses)[number];

/** State of one request to a provider in the journal. `lost`: the process died while it was in flight. */
export const llmCallStates = ["started", "done", "failed", "lost", "cancelled"] as const;
export type LlmCallState = (typeof llmCallStates)[number];

/** What the gateway's cache did for a call. */
export const cacheResults = ["hit", "miss", "coalesced", "bypass"] as const;
export type CacheResult = (typeof cacheResults)[number];

/** The way a call took to its provider. */
export const llmLanes = ["interactive", "background", "micro_batch", "economy"] as const;
export type LlmLane = (typeof llmLanes)[number];

/** A batch of deferred calls at its provider. `cancelling`: the provider was or will be told, results so far still come. */
export const batchJobStates = ["submitting", "running", "cancelling", "ended", "failed", "cancelled"] as const;
export type BatchJobState = (typeof batchJobStates)[number];

/** How a deferred call ends. */
export const deferredCallEnds = ["completed", "failed", "cancelled"] as const;
/** A deferred call: collected for a batch, in one (`batched`), asked live after its deadline, ended. */
export const deferredCallStates = ["waiting", "batched", "live", ...deferredCallEnds] as const;
export type DeferredCallState = (typeof deferredCallStates)[number];

/** What may happen when a tool call's outcome is not known after a crash. */
export const toolClasses = ["pure", "idempotent", "unsafe"] as const;
export type ToolClass = (typeof toolClasses)[number];

export const toolCallStates = ["started", "done", "failed", "unknown"] as const;
export type ToolCallState = (typeof toolCallStates)[number];

export const budgetLevels = ["instance", "squad", "execution"] as const;
export type BudgetLevel = (typeof budgetLevels)[number];

export const providerKinds = ["openai", "anthropic", "google", "ollama", "openai_compatible", "offline"] as const;
export type ProviderKind = (typeof providerKinds)[number];

/** The format an OpenAI-compatible account speaks. `chat`: chat completions (responses for models that have nothing else). */
export const providerWires = ["chat", "responses"] as const;
export type ProviderWire = (typeof providerWires)[number];

export const notificationKinds = [
  "execution_completed",
  "execution_failed",
  "execution_paused",
  "approval_requested",
  "budget_warning",
  "budget_exceeded",
  "system",
] as const;
export type NotificationKind = (typeof notificationKinds)[number];

export const userRoles = ["owner", "member"] as const;
export type UserRole = (typeof userRoles)[number];

/** Forms in which an uploaded picture is kept. */
export const avatarFormats = ["avif", "webp"] as const;
export type AvatarFormat = (typeof avatarFormats)[number];
/** Widths of an uploaded picture in pixels: shown at up to 40, on screens of up to three times the density. */
export const avatarSizes = [40, 80, 160] as const;
export type AvatarSize = (typeof avatarSizes)[number];

export const webVitalNames = ["LCP", "INP", "CLS", "FCP", "TTFB"] as const;
export type WebVitalName = (typeof webVitalNames)[number];

/** True when the status is one after which nothing more happens unless a user acts. */
export function isTerminal(status: ExecutionStatus): status is TerminalExecutionStatus {
  return (terminalExecutionStatuses as readonly string[]).includes(status);
}
