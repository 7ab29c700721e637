import pg from "pg";
import { uuidv7 } from "#db";

const wordsOf = (number: number) =>
  [
    `Message ${number}: the copy of ${(number % 28) + 1} May was restored and compared.`,
    `- files: **${number * 7}**, of which ${number % 11} differ\n- time: \`${(number % 50) + 3} s\`\n- checked by the *second* reader`,
    "```ts\nconst copies = await list({ newest: 30 });\nreport(copies.filter((copy) => !copy.tested));\n```",
    "A restore that nobody has tried is a hope. Source: keeping-data.md, Backups.",
  ]
    .slice(0, 1 + (number % 4))
    .join("\n\n");

/** Writes what a running execution would have said, and goes on saying it. */
export interface LiveMessages {
  /** Begins to write so many new messages each second, each in a few pieces, as a squad of many members would. */
  start(perSecond: number): void;
  /** Ends the writing; returns how many messages were begun. */
  stop(): Promise<number>;
  close(): Promise<void>;
}

/** Puts `history` ended messages into a running execution, straight into its database (no model would say so much in time). */
export async function openLiveMessages(
  databaseUrl: string,
  executionId: string,
  history: number,
): Promise<LiveMessages> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ id: string }>(
    `SELECT m.id FROM squad_members m JOIN task_executions e ON e.squad_id = m.squad_id WHERE e.id = $1 ORDER BY m.id`,
    [executionId],
  );
  const members = rows.map((row) => row.id);
  const memberOf = (number: number) => members[number % members.length] ?? null;
  let count = 0;
  const insert = async (texts: { id: string; text: string; member: string | null }[]) => {
    await client.query(
      `INSERT INTO agent_messages (id, task_execution_id, member_id, role, status, model, content, input_tokens, output_tokens)
       SELECT x.id, $1, x.member, 'assistant', 'completed', 'gpt-4o-mini', x.text, 400, 60
       FROM jsonb_to_recordset($2::jsonb) AS x(id uuid, text text, member uuid)`,
      [executionId, JSON.stringify(texts)],
    );
  };
  while (count < history) {
    const batch = Array.from({ length: Math.min(1000, history - count) }, (_, offset) => ({
      id: uuidv7(),
      text: wordsOf(count + offset),
      member: memberOf(count + offset),
    }));
    await insert(batch);
    count += batch.length;
  }

  /** One beat: messages begin, get their text in three pieces, and end; stored and announced as a worker does it. */
  const say = async (messages: number) => {
    const said = Array.from({ length: messages }, (_, offset) => ({
      id: uuidv7(),
      text: wordsOf(count + offset),
      member: memberOf(count + offset),
    }));
    count += messages;
    const events = said.flatMap(({ id, text, member }) => {
      const third = Math.ceil(text.length / 3);
      const pieces = [text.slice(0, third), text.slice(third, 2 * third), text.slice(2 * third)];
      return [
        { type: "message-start", data: { messageId: id, stepId: null, memberId: member, model: "gpt-4o-mini" } },
        ...pieces.map((piece) => ({ type: "message-delta", data: { messageId: id, text: piece } })),
        { type: "message-end", data: { messageId: id, inputTokens: 400, outputTokens: 60 } },
      ];
    });
    await client.query("BEGIN");
    await insert(said);
    const { rows: appended } = await client.query<{ last: string }>("SELECT muster_append($1, $2::jsonb) AS last", [
      executionId,
      JSON.stringify(events),
    ]);
    await client.query("SELECT pg_notify('muster_events', $1)", [`bench:${executionId}:${appended[0]?.last}`]);
    await client.query("COMMIT");
  };

  const beatMs = 100;
  let timer: NodeJS.Timeout | undefined;
  let busy: Promise<void> = Promise.resolve();
  let began = 0;
  let first = 0;
  let failure: unknown;
  return {
    start(perSecond) {
      first = count;
      began = performance.now();
      // What is due by the clock is said, however late a beat comes.
      timer = setInterval(() => {
        busy = busy
          .then(() => say(Math.max(0, Math.floor(((performance.now() - began) / 1000) * perSecond) - (count - first))))
          .catch((error: unknown) => {
            failure ??= error;
          });
      }, beatMs);
    },
    async stop() {
      clearInterval(timer);
      await busy;
      if (failure !== undefined) throw new Error("The messages could not be written", { cause: failure });
      return count - first;
    },
    close: () => client.end(),
  };
}
