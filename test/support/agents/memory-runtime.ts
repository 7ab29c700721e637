import type {
  ExecutionRuntime,
  ModelAnswer,
  ModelCall,
  NewStep,
  StepRecord,
  ToolAnswer,
  ToolCallRequest,
  Workspace,
} from "#agents";
import { ExecutionStopped, findTool, runTool } from "#agents";
import { defaultExecutionLimits, type ExecutionLimits, type MemberSnapshot, type SquadProcess } from "#contracts";
import type { LlmReply } from "#llm";

/** What a journal keeps, in the order in which it was written. A prefix of it is what a crash leaves. */
export type JournalEntry =
  | { type: "steps"; steps: NewStep[] }
  | { type: "start"; step: string }
  | { type: "finish"; step: string; status: StepRecord["status"]; messageId: string | null; data: StepRecord["data"] }
  | { type: "model"; step: string; key: string; answer: ModelAnswer }
  | { type: "tool"; step: string; key: string; answer: ToolAnswer }
  | { type: "approval"; step: string; approved: boolean }
  | { type: "pause"; reason: string };

/** Answers a model call in a test: what was asked, and where in the execution. */
export type ScriptedModel = (call: ModelCall) => Promise<Pick<LlmReply, "text" | "toolCalls" | "finishReason">>;

export interface MemoryRuntimeOptions {
  process?: SquadProcess;
  members: Partial<MemberSnapshot>[];
  goal?: string;
  limits?: Partial<ExecutionLimits>;
  requireApproval?: boolean;
  task?: { title: string; description?: string };
  attachments?: Record<string, string>;
  model: ScriptedModel;
  workspace?: Workspace;
  /** What was on record when this run begins. */
  journal?: readonly JournalEntry[];
  /** The process "dies" when it wants to write one more entry than this. */
  dieAfter?: number;
  /** What a user decides when asked; null: nothing yet, the execution rests. */
  approve?: boolean | null;
}

export interface MemoryRuntime extends ExecutionRuntime {
  journal: JournalEntry[];
  /** `step: key` of every model call that was really made, in order. */
  modelCalls: string[];
  toolCalls: string[];
  requests: ModelCall[];
}

/** Thrown where the process of a test dies; nothing after it is on record. */
export class Killed extends ExecutionStopped {
  constructor() {
    super("killed");
  }
}

export function member(index: number, given: Partial<MemberSnapshot>): MemberSnapshot {
  return {
    id: `member-${index + 1}`,
    name: `Member ${index + 1}`,
    role: "researcher",
    model: "scripted",
    instructions: "",
    tools: [],
    isLead: index === 0,
    position: index,
    ...given,
  };
}

/** The contract of ExecutionRuntime on an array: what is recorded is answered from the record, everything else is done once. */
export function createMemoryRuntime(options: MemoryRuntimeOptions): MemoryRuntime {
  const journal: JournalEntry[] = [];
  const steps: StepRecord[] = [];
  const texts = new Map<string, string>();
  const modelCalls: string[] = [];
  const toolCalls: string[] = [];
  const requests: ModelCall[] = [];
  const attachments = options.attachments ?? {};
  let dead = false;

  const find = (key: string): StepRecord => {
    const step = steps.find((each) => each.key === key);
    if (step === undefined) throw new Error(`No step ${key}`);
    return step;
  };
  const apply = (entry: JournalEntry) => {
    journal.push(entry);
    if (entry.type === "steps") {
      for (const step of entry.steps) {
        const id = `step-${step.key}`;
        steps.push({ ...step, id, status: "pending", outputMessageId: null, output: null, data: null });
      }
    } else if (entry.type === "start") Object.assign(find(entry.step), { status: "running" });
    else if (entry.type === "finish") {
      const output = entry.messageId === null ? null : (texts.get(entry.messageId) ?? null);
      const { status, messageId, data = find(entry.step).data } = entry;
      Object.assign(find(entry.step), { status, outputMessageId: messageId, output, data });
    } else if (entry.type === "model") texts.set(entry.answer.messageId, entry.answer.text);
  };
  const record = (entry: JournalEntry) => {
    check();
    if (journal.length >= (options.dieAfter ?? Number.POSITIVE_INFINITY)) {
      dead = true;
      throw new Killed();
    }
    apply(entry);
  };
  const check = () => {
    if (dead) throw new Killed();
  };
  // Through JSON, as a database would give it back.
  for (const entry of options.journal ?? []) apply(JSON.parse(JSON.stringify(entry)));

  return {
    journal,
    modelCalls,
    toolCalls,
    requests,
    squad: {
      id: "squad",
      slug: "squad",
      name: "The squad",
      process: options.process ?? "lead",
      goal: options.goal ?? "",
      fallbackModels: [],
      limits: { ...defaultExecutionLimits, ...options.limits },
      requireApproval: options.requireApproval ?? false,
      members: options.members.map((given, index) => member(index, given)),
    },
    task: {
      id: "task",
      title: options.task?.title ?? "Do the thing",
      description: options.task?.description ?? "",
      attachments: Object.entries(attachments).map(([name, text]) => ({ name, bytes: Buffer.byteLength(text) })),
    },
    signal: new AbortController().signal,
    async addSteps(news) {
      check();
      const fresh = news.filter((step) => !steps.some((each) => each.key === step.key));
      if (fresh.length > 0) record({ type: "steps", steps: fresh });
      return news.map((step) => ({ ...find(step.key) }));
    },
    steps: () => steps.map((step) => ({ ...step })),
    async startStep(step) {
      check();
      if (find(step.key).status === "pending") record({ type: "start", step: step.key });
    },
    async finishStep(step, result) {
      check();
      if (find(step.key).status !== "completed") {
        const data = result.data ?? null;
        record({ type: "finish", step: step.key, status: result.status, messageId: result.outputMessageId, data });
      }
      return { ...find(step.key) };
    },
    async callModel(call) {
      check();
      const past = journal.find(
        (entry) => entry.type === "model" && entry.step === call.step.key && entry.key === call.key,
      );
      if (past?.type === "model") return past.answer;
      requests.push(structuredClone(call));
      modelCalls.push(`${call.step.key}: ${call.key}`);
      const reply = await options.model(call);
      const answer = { ...reply, messageId: `message-${call.step.key}-${call.key}` };
      record({ type: "model", step: call.step.key, key: call.key, answer });
      return answer;
    },
    async callTool(request: ToolCallRequest) {
      check();
      const past = journal.find(
        (entry) => entry.type === "tool" && entry.step === request.step.key && entry.key === request.key,
      );
      if (past?.type === "tool") return past.answer;
      toolCalls.push(`${request.step.key}: ${request.key}`);
      const tool = findTool(request.tool);
      if (tool === null || options.workspace === undefined) throw new Error(`No tool ${request.tool} in this test`);
      const context = { workspace: options.workspace, signal: new AbortController().signal };
      const answer = await runTool(tool, request.argumentsJson, context);
      record({ type: "tool", step: request.step.key, key: request.key, answer });
      return answer;
    },
    async requestApproval(step) {
      check();
      const past = journal.find((entry) => entry.type === "approval" && entry.step === step.key);
      if (past?.type === "approval") return { approved: past.approved };
      if (options.approve === undefined || options.approve === null) throw new ExecutionStopped("awaiting_approval");
      record({ type: "approval", step: step.key, approved: options.approve });
      return { approved: options.approve };
    },
    async pause(reason) {
      check();
      if (journal.some((entry) => entry.type === "pause" && entry.reason === reason)) return;
      record({ type: "pause", reason });
      throw new ExecutionStopped("loop_guard");
    },
    async readAttachment(name, maxBytes) {
      const text = attachments[name];
      return text === undefined ? null : Buffer.from(text).subarray(0, maxBytes).toString("utf8");
    },
  };
}
