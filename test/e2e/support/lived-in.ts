import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { BrowserContext } from "playwright-core";
import type {
  ConversationPage,
  CreateExecutionBody,
  ExecutionAnswer,
  ExecutionStateAnswer,
  ModelList,
  ProjectAnswer,
  SquadAnswer,
  TaskAnswer,
} from "#contracts";
import { type Database, uuidv7 } from "#db";
import { type PacedProvider, startPacedProvider } from "./paced-provider.ts";
import { type Call, claim } from "./people.ts";
import { type RunningMuster, waitUntil } from "./running-muster.ts";
import { runTask } from "./samples.ts";

/** An installation as it looks after a month of work. */
export interface LivedIn {
  squadId: string;
  projectId: string;
  /** In the middle of its plan; it goes on slowly for as long as the provider runs. */
  runningId: string;
  completedId: string;
  conversationId: string;
}

/** A provider that works at the pace of a fast model, until `linger` is called: then what it says comes word by word. */
export interface LivedInProvider extends PacedProvider {
  linger(): void;
}

const question = "What should a restore drill prove?";
const advice = `Three things, in this order:

1. **The backup can be read.** Restore one at random, not the newest.
2. **The time is known.** Write down how long it took, and compare it with what was promised.
3. **Somebody else can do it.** Whoever wrote the steps watches and says nothing.

| step | who | limit |
|---|---|---|
| fetch and check | on call | 15 min |
| restore | on call | 2 h |
| compare with the source | a second person | 30 min |
`;

const passedTexts = 5;
const lingeringAfterWords = 42;
const lingeringMsPerWord = 2_500;

export async function startLivedInProvider(): Promise<LivedInProvider> {
  const passed = new Set<string>();
  let lingering = false;
  const provider = await startPacedProvider({
    latencyMs: 380,
    wordsPerSecond: 160,
    answer: (message) => (message === question ? advice : null),
    // The pictures tell what a squad's work looks like; that no model wrote it is said beside them.
    rewrite: (text) => text.replaceAll(/Written by the offline model by rules; no neural network was used\.\s*/g, ""),
    hold: (text, word) => {
      if (!lingering || passed.has(text)) return undefined;
      if (passed.size < passedTexts) {
        passed.add(text);
        return undefined;
      }
      if (word < lingeringAfterWords) return undefined;
      return new Promise((resolve) => setTimeout(resolve, lingeringMsPerWord).unref());
    },
  });
  return {
    ...provider,
    linger: () => {
      lingering = true;
    },
  };
}

const parts: [title: string, text: string][] = [
  [
    "Backups",
    "Backups are made every night and kept for 35 days. They never fail. One is restored at random each month.",
  ],
  ["What is not covered", "Files on laptops are not part of it. Nobody has measured how long a full restore takes."],
  ["Costs", "Storage costs 212 dollars a month; it grew by 18 % in the last year and always will."],
  ["Access", "All administrators share one key, which guarantees that somebody can restore at any time."],
  [
    "Retention",
    "Logs are kept for 14 days, bills for ten years. Deleted accounts are gone from backups after 35 days.",
  ],
  ["Alarms", "An alarm is sent when a backup is late by two hours. Nobody is paged at night."],
];
const material = `# Keeping data\n\n${parts.map(([title, text]) => `## ${title}\n\n${text.concat(" ").repeat(6)}`).join("\n\n")}\n`;

/** Fills a fresh installation through its API, and the past, which no API makes, through its database. */
export async function seedLivedIn(
  context: BrowserContext,
  db: Database,
  muster: RunningMuster,
  provider: LivedInProvider,
): Promise<LivedIn> {
  const call = await claim(context, muster);
  const model = await addAccount(call, "OpenAI", provider.baseUrl, ["gpt-4.1", "gpt-4.1-mini"]);
  const squads = [];
  for (const [template, name, more] of [
    ["research-report", "Research desk", {}],
    ["code-review", "Code review", {}],
    ["data-analysis", "Data analysis", {}],
    ["release-notes", "Release notes", {}],
    ["web-app", "Web app", {}],
    ["research-report", "Incident reviewers", { requireApproval: true }],
    ["research-report", "Market watch", {}],
  ] as const)
    squads.push((await call<SquadAnswer>("POST", "/squads", { template, name, model, ...more })).squad);
  const [squad, , , , , careful] = squads;
  if (!squad || !careful) throw new Error("There are no squad templates");
  await seedPast(db, squads);
  await call("PUT", `/budgets/squads/${squad.id}`, { limitNanoUsd: 25_000_000_000 });
  await call("PUT", "/budgets/instance", { limitNanoUsd: 80_000_000_000 });
  await seedSpent(db);

  const { project } = await call<ProjectAnswer>("POST", "/projects", {
    name: "Operations",
    description: "What keeps the lights on.",
  });
  for (const [name, description] of [
    ["Website", "Pages, texts and forms."],
    ["Quarterly report", "Figures and what they mean."],
  ])
    await call("POST", "/projects", { name, description });
  const addTask = async (title: string, more: object = {}) => {
    const attachments = [{ name: "keeping-data.md", contentBase64: Buffer.from(material).toString("base64") }];
    const body = { projectId: project.id, title, description: "Use the attached text; name the source of each claim." };
    return (await call<TaskAnswer>("POST", "/tasks", { ...body, attachments, squadId: squad.id, ...more })).task.id;
  };
  const completedId = await runTask(call, await addTask("Report: can we lose data?"));
  await runTask(call, await addTask("Compare storage costs with last year"));
  await failOnce(call, await addTask("Summarise last week's incidents", { priority: "high" }));
  for (const title of ["Draft the restore drill", "Ask the vendor about exports", "Plan the next access review"])
    await addTask(title, { priority: title.startsWith("Plan") ? "low" : "medium", attachments: [] });
  await seedYesterday(db);
  // What was written past the server is in none of its caches.
  await muster.kill();
  await muster.start();

  const conversationId = await chat(context, call, muster, model);
  const waiting = await addTask("Review the outage of the 12th", { squadId: careful.id, priority: "urgent" });
  await start(call, waiting, "awaiting_approval");
  provider.linger();
  const runningId = await start(
    call,
    await addTask("Find the claims that cannot hold", { priority: "high" }),
    "running",
    {
      budgetUsd: 1,
    },
  );
  await waitUntil(
    60_000,
    () => "The execution does not come to the middle of its plan",
    async () => {
      const { execution } = await call<ExecutionAnswer>("GET", `/executions/${runningId}`);
      return (
        execution.steps.filter(({ status }) => status === "completed").length >= 3 && execution.streaming.length > 0
      );
    },
  );
  return { squadId: squad.id, projectId: project.id, runningId, completedId, conversationId };
}

/** Adds an account and returns the id of its first model. */
async function addAccount(call: Call, name: string, baseUrl: string, models: string[]): Promise<string> {
  await call("POST", "/provider-accounts", {
    kind: "openai",
    name,
    baseUrl,
    apiKey: "sk-local-0000",
    allowPrivateAddress: true,
    models,
    requestsPerMinute: 10_000,
  });
  const { data } = await call<ModelList>("GET", "/models");
  const model = data.find(({ id, available }) => available && models.some((known) => id.endsWith(known)))?.id;
  if (!model) throw new Error(`No model of ${name} is available`);
  return model;
}

async function start(call: Call, taskId: string, wanted: string, body: CreateExecutionBody = {}): Promise<string> {
  const { execution } = await call<ExecutionStateAnswer>("POST", `/tasks/${taskId}/executions`, body);
  await waitUntil(
    60_000,
    () => `The execution is not ${wanted}`,
    async () => (await call<ExecutionAnswer>("GET", `/executions/${execution.id}`)).execution.status === wanted,
  );
  return execution.id;
}

/** Runs a task with a squad whose provider refuses the model. */
async function failOnce(call: Call, taskId: string): Promise<void> {
  const refusing = createServer((_, response) => {
    response.writeHead(400, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { message: "You have no access to this model.", code: "model_not_found" } }));
  });
  await new Promise<void>((resolve) => refusing.listen(0, "127.0.0.1", resolve));
  const { port } = refusing.address() as AddressInfo;
  const model = await addAccount(call, "Trial", `http://127.0.0.1:${port}/v1`, ["gpt-4o"]);
  const { squad } = await call<SquadAnswer>("POST", "/squads", {
    template: "research-report",
    name: "Trial desk",
    model,
  });
  await call("PATCH", `/tasks/${taskId}`, { squadId: squad.id });
  await runTask(call, taskId);
  refusing.close();
  refusing.closeAllConnections();
}

async function chat(context: BrowserContext, call: Call, muster: RunningMuster, model: string): Promise<string> {
  const answer = await context.request.post(`${muster.url}/api/v1/agent/chat/stream`, {
    headers: { origin: muster.url, "idempotency-key": crypto.randomUUID() },
    data: { message: question, model },
  });
  await answer.text();
  const { data } = await call<ConversationPage>("GET", "/conversations?limit=30");
  return data[0]?.id ?? "";
}

/** A month of calls, more on working days, as the ledger would have written them. Prices are those of the model. */
async function seedPast(db: Database, squads: SquadAnswer["squad"][]): Promise<void> {
  const { rows } = await db.pool.query<{ id: string }>("SELECT id FROM users LIMIT 1");
  const userId = rows[0]?.id;
  const now = new Date();
  for (let daysAgo = 30; daysAgo >= 0; daysAgo--) {
    // Today's are the newest: it may have begun only now.
    const everyMs = daysAgo === 0 ? 20_000 : 240_000;
    const day = new Date(now.getTime() - daysAgo * 86_400_000);
    const working = day.getUTCDay() % 6 !== 0;
    const calls = Math.round((working ? 34 : 7) * (1 + 0.45 * Math.sin(daysAgo * 1.7)));
    for (let index = 0; index < calls; index++) {
      const squad = squads[(index * index + daysAgo) % squads.length];
      const member = squad?.members[index % (squad.members.length || 1)];
      const mini = index % 3 === 1;
      const [input, output] = [9_000 + ((index * 7_919) % 21_000), 500 + ((index * 3_571) % 1_900)];
      const cost = mini ? input * 400 + output * 1_600 : input * 2_000 + output * 8_000;
      const hit = index % 6 === 5;
      await db.pool.query(
        `INSERT INTO llm_usage (id, user_id, squad_id, member_id, provider, model, lane, outcome, cache_result, input_tokens,
           cache_read_tokens, output_tokens, cost_nano_usd, saved_nano_usd, latency_ms, time_to_first_token_ms, at)
         VALUES ($1, $2, $3, $4, 'openai', $5, 'background', 'done', $6, $7, $8, $9, $10, $11, 2400, 420, $12)`,
        [
          uuidv7(),
          userId,
          squad?.id,
          member?.id,
          mini ? "gpt-4.1-mini" : "gpt-4.1",
          hit ? "hit" : "miss",
          input,
          hit ? 0 : Math.floor(input / 3),
          output,
          hit ? 0 : cost,
          hit ? cost : 0,
          new Date(day.getTime() - index * everyMs),
        ],
      );
    }
  }
  await db.pool.query("UPDATE installation SET usage_rolled_until = NULL");
}

/** What the month's calls above cost counts against the budgets, as if each had been reserved and billed. */
async function seedSpent(db: Database): Promise<void> {
  await db.pool.query(
    `UPDATE budgets b SET spent_nano_usd = b.spent_nano_usd + COALESCE((SELECT sum(u.cost_nano_usd) FROM llm_usage u
       WHERE u.at >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AND (b.level = 'instance' OR u.squad_id = b.scope_id)), 0)
     WHERE b.level IN ('instance', 'squad') AND b.spent_nano_usd = 0`,
  );
}

/** What has run so far was done earlier, each execution some hours before the next one. */
async function seedYesterday(db: Database): Promise<void> {
  const { rows } = await db.pool.query<{ id: string }>("SELECT id FROM task_executions ORDER BY id DESC");
  for (const [index, { id }] of rows.entries()) {
    const hours = 2 + index * 7;
    await db.pool.query(
      `UPDATE task_executions SET created_at = created_at - make_interval(hours => $2), started_at = started_at - make_interval(hours => $2),
         ended_at = ended_at - make_interval(hours => $2) WHERE id = $1`,
      [id, hours],
    );
    await db.pool.query(
      "UPDATE notifications SET created_at = created_at - make_interval(hours => $2) WHERE execution_id = $1",
      [id, hours],
    );
  }
}
