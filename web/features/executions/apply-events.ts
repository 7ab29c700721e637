import type { AgentMessage, Execution, ExecutionEvent, ExecutionStep } from "#contracts";

/** A tool call as the viewer shows it, under the message that asked for it. */
export interface LiveTool {
  id: string;
  name: string;
  arguments: string;
  state: "started" | "done" | "failed" | "unknown" | null;
  summary: string | null;
}

/** A message with the tool calls that followed from it, and why its text was void once. */
export interface LiveMessage extends Omit<AgentMessage, "toolCalls"> {
  tools: LiveTool[];
  resetReason: string | null;
}

/** The messages loaded so far, in the order in which they began (their ids sort by time). */
export interface LiveMessages {
  messages: LiveMessage[];
  /** Where older messages go on; null when the first one is here. */
  olderCursor: string | null;
  /**
   * The oldest from which on all are loaded; null when that is not known to be any. What is being written is there
   * from the beginning, and may have begun long before.
   */
  oldestId: string | null;
  /** Number of the last event taken in. */
  lastSeq: number;
  /** Execution waits for the provider's rate limit until then. */
  waitUntilMs: number | null;
}

/** Messages that stay in `Execution.streaming` are only the open ones: the dashboard shows the last words of them. */
export function applyToExecution(execution: Execution, events: ExecutionEvent[]): Execution {
  let next = execution;
  for (const event of events) {
    if (event.seq <= next.lastSeq) continue;
    next = { ...applyOne(next, event), lastSeq: event.seq };
  }
  return next;
}

function applyOne(execution: Execution, event: ExecutionEvent): Execution {
  switch (event.type) {
    case "execution-start":
      return { ...execution, status: "running", startedAt: execution.startedAt ?? event.at };
    case "execution-pause":
      return { ...execution, status: "paused", pauseRequested: false, allowedActions: ["resume", "cancel"] };
    case "execution-resume":
      return { ...execution, status: "running", endedAt: null, allowedActions: ["pause", "cancel"] };
    case "execution-end":
      return {
        ...execution,
        status: event.status,
        endReason: event.endReason,
        error: event.error ?? null,
        endedAt: event.at,
        streaming: [],
        cancelRequested: false,
        pauseRequested: false,
        allowedActions: event.status === "completed" ? [] : ["retry"],
      };
    case "approval-request":
      return { ...execution, status: "awaiting_approval", allowedActions: ["approve", "cancel"] };
    case "approval-end":
      return { ...execution, status: "running", allowedActions: ["pause", "cancel"] };
    case "usage":
      return {
        ...execution,
        steps: execution.steps.map((step) => (step.id === event.stepId ? addBill(step, event) : step)),
        totals: addUsage(execution.totals, event),
        budget: execution.budget && { ...execution.budget, spentNanoUsd: event.totalCostNanoUsd },
      };
    case "tool-start":
      return { ...execution, totals: { ...execution.totals, toolCalls: execution.totals.toolCalls + 1 } };
    case "step-planned":
    case "step-start":
    case "step-end":
      return { ...execution, steps: applyToSteps(execution.steps, event) };
    case "message-start":
    case "message-delta":
    case "message-end":
    case "message-reset":
      return { ...execution, streaming: applyToStreaming(execution.streaming, event) };
    default:
      return execution;
  }
}

type UsageEvent = Extract<ExecutionEvent, { type: "usage" }>;

function addBill(step: ExecutionStep, { costNanoUsd }: UsageEvent): ExecutionStep {
  return {
    ...step,
    llmCalls: step.llmCalls + 1,
    costNanoUsd: step.costNanoUsd + (costNanoUsd ?? 0),
    costIncomplete: step.costIncomplete || costNanoUsd === null,
  };
}

function addUsage(totals: Execution["totals"], event: UsageEvent): Execution["totals"] {
  return {
    ...totals,
    llmCalls: totals.llmCalls + 1,
    inputTokens: totals.inputTokens + event.inputTokens,
    outputTokens: totals.outputTokens + event.outputTokens,
    costNanoUsd: event.totalCostNanoUsd,
    costIncomplete: totals.costIncomplete || event.costNanoUsd === null,
  };
}

type StepEvent = Extract<ExecutionEvent, { type: "step-planned" | "step-start" | "step-end" }>;

function applyToSteps(steps: ExecutionStep[], event: StepEvent): ExecutionStep[] {
  if (event.type === "step-planned") {
    const known = new Set(steps.map((step) => step.key));
    const added = event.steps
      .filter((step) => !known.has(step.key))
      .map((step, index) => newStep(step, steps.length + index));
    return added.length > 0 ? [...steps, ...added] : steps;
  }
  const present = steps.some((step) => step.id === event.stepId);
  if (event.type === "step-start" && !present) steps = [...steps, newStep(event, steps.length)];
  return steps.map((step) => {
    if (step.id !== event.stepId) return step;
    return event.type === "step-start"
      ? {
          ...step,
          status: "running",
          attempt: event.attempt,
          startedAt: step.startedAt ?? event.at,
          endedAt: null,
          error: null,
        }
      : { ...step, status: event.status, endedAt: event.at, error: event.error ?? null };
  });
}

function newStep(
  planned: Pick<ExecutionStep, "key" | "kind" | "title" | "memberId" | "dependsOn"> & { stepId: string },
  ordinal: number,
): ExecutionStep {
  const { stepId, key, kind, title, memberId, dependsOn } = planned;
  return {
    id: stepId,
    key,
    kind,
    ordinal,
    title,
    memberId,
    dependsOn,
    doneCriterion: "",
    status: "pending",
    attempt: 0,
    outputMessageId: null,
    data: null,
    error: null,
    startedAt: null,
    endedAt: null,
    llmCalls: 0,
    costNanoUsd: 0,
    costIncomplete: false,
  };
}

type MessageEvent = Extract<
  ExecutionEvent,
  { type: "message-start" | "message-delta" | "message-end" | "message-reset" }
>;

function applyToStreaming(streaming: AgentMessage[], event: MessageEvent): AgentMessage[] {
  if (event.type === "message-end") return streaming.filter((message) => message.id !== event.messageId);
  if (event.type === "message-start") {
    const rest = streaming.filter((message) => message.id !== event.messageId);
    return [...rest, { ...openMessage(event), toolCalls: null }];
  }
  return streaming.map((message) => {
    if (message.id !== event.messageId) return message;
    return { ...message, content: event.type === "message-reset" ? "" : message.content + event.text };
  });
}

function openMessage(event: Extract<ExecutionEvent, { type: "message-start" }>) {
  return {
    id: event.messageId,
    stepId: event.stepId,
    memberId: event.memberId,
    role: "assistant" as const,
    status: "streaming" as const,
    model: event.model,
    content: "",
    inputTokens: null,
    outputTokens: null,
    createdAt: event.at,
  };
}

/** A message of the API as the viewer keeps it. */
export function toLiveMessage(message: AgentMessage): LiveMessage {
  const { toolCalls, ...rest } = message;
  return {
    ...rest,
    tools: (toolCalls ?? []).map((call) => ({ ...call, state: null, summary: null })),
    resetReason: null,
  };
}

/**
 * Takes a page of stored messages into those at hand: what is stored as ended wins over what was streamed, what is
 * being written here is kept. The result is in the order of ids, which is the order in which messages began.
 */
export function mergeMessages(present: LiveMessage[], stored: readonly AgentMessage[]): LiveMessage[] {
  const byId = new Map(present.map((message) => [message.id, message]));
  let grown = false;
  for (const message of stored) {
    const known = byId.get(message.id);
    if (!known) {
      byId.set(message.id, toLiveMessage(message));
      grown = true;
    } else if (known.status === "streaming" && message.status !== "streaming") {
      const fresh = toLiveMessage(message);
      byId.set(message.id, known.tools.length >= fresh.tools.length ? { ...fresh, tools: known.tools } : fresh);
      grown = true;
    }
  }
  return grown ? [...byId.values()].sort((one, other) => (one.id < other.id ? -1 : 1)) : present;
}

/** Takes events into the messages; unchanged messages keep their identity, so that their rows are not drawn again. */
export function applyToMessages(live: LiveMessages, events: ExecutionEvent[]): LiveMessages {
  const messages = [...live.messages];
  let { lastSeq, waitUntilMs } = live;
  const find = (id: string) => messages.findLastIndex((message) => message.id === id);
  const change = (at: number, changes: Partial<LiveMessage>) => {
    const message = messages[at];
    if (message) messages[at] = { ...message, ...changes };
  };
  for (const event of events) {
    if (event.seq <= lastSeq) continue;
    lastSeq = event.seq;
    if (event.type === "rate-wait") waitUntilMs = event.untilMs;
    else if (event.type === "message-start") {
      waitUntilMs = null;
      insert(messages, { ...openMessage(event), tools: [], resetReason: null });
    } else if (event.type === "tool-start" || event.type === "tool-end") applyTool(messages, event);
    else if (event.type === "message-delta" || event.type === "message-end" || event.type === "message-reset") {
      const at = find(event.messageId);
      const message = messages[at];
      // Stored as ended already: the page was read after these events.
      if (message?.status !== "streaming") continue;
      if (event.type === "message-delta") change(at, { content: message.content + event.text });
      else if (event.type === "message-reset") change(at, { content: "", resetReason: event.reason });
      else change(at, { status: "completed", inputTokens: event.inputTokens, outputTokens: event.outputTokens });
    } else if (event.type === "execution-end") {
      waitUntilMs = null;
      messages.forEach((message, at) => {
        if (message.status === "streaming") change(at, { status: "cancelled" });
      });
    }
  }
  return { ...live, messages, lastSeq, waitUntilMs };
}

/** Puts a message where its id belongs: almost always at the end. */
function insert(messages: LiveMessage[], message: LiveMessage): void {
  let at = messages.length;
  while (at > 0 && (messages[at - 1]?.id ?? "") > message.id) at -= 1;
  if (messages[at - 1]?.id === message.id) return;
  messages.splice(at, 0, message);
}

function applyTool(messages: LiveMessage[], event: Extract<ExecutionEvent, { type: "tool-start" | "tool-end" }>): void {
  if (event.type === "tool-start") {
    const at = messages.findLastIndex((message) => message.stepId === event.stepId && message.role === "assistant");
    const message = messages[at];
    if (!message || message.tools.some((tool) => tool.id === event.toolCallId)) return;
    const text = typeof event.arguments === "string" ? event.arguments : JSON.stringify(event.arguments);
    const tool: LiveTool = { id: event.toolCallId, name: event.tool, arguments: text, state: "started", summary: null };
    // A stored message names its calls already, under the model's own ids.
    const same = message.tools.findIndex((known) => known.state === null && known.name === event.tool);
    const tools = same < 0 ? [...message.tools, tool] : message.tools.with(same, tool);
    messages[at] = { ...message, tools };
    return;
  }
  const at = messages.findLastIndex((message) => message.tools.some((tool) => tool.id === event.toolCallId));
  const message = messages[at];
  if (!message) return;
  const tools = message.tools.map((tool) =>
    tool.id === event.toolCallId ? { ...tool, state: event.state, summary: event.summary } : tool,
  );
  messages[at] = { ...message, tools };
}
