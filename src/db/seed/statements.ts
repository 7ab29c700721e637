/**
 * The statements of the seed, in order. All are set-based (one statement fills a table) and idempotent (ids are
 * functions of a row's number, and what is there stays). They read the session's temporary tables `seed_scale`,
 * `seed_texts`, `seed_words` and, once it is filled, `seed_squads` and `seed_executions`.
 */
export interface SeedStatement {
  what: string;
  text: string;
}

const id = (kind: string, number: string) => `pg_temp.seed_id('${kind}', ${number})`;
/** A number from 0 to `below` - 1 that looks random and is the same in every run. */
const pick = (number: string, below: string, salt: number) =>
  `((${number} * 2654435761 + ${salt} * 40503) % 1000003 % ${below})`;
const word = (kind: string, number: string) =>
  `(SELECT w.words[1 + (${number}) % cardinality(w.words)] FROM seed_words w WHERE w.kind = '${kind}')`;

/** What an execution of the seed ended as: most completed, none that a worker would take up. */
const outcome = (number: string) => `CASE ${pick(number, "25", 3)}
  WHEN 7 THEN 'failed' WHEN 13 THEN 'cancelled' WHEN 19 THEN 'budget_exceeded' WHEN 23 THEN 'failed' ELSE 'completed' END`;

/** Prices in nano-USD per token of the model that the seeded history was written by. */
const inputPrice = 150;
const outputPrice = 600;

const stepsPerExecution = 5;
const eventsPerExecution = 2 + stepsPerExecution * 3;

export const prepare = `
  CREATE TEMP TABLE seed_squads ON COMMIT DROP AS
  SELECT n, ${id("squad", "n")} AS id,
    CASE WHEN n < z.users_with_many * z.many_squads THEN n / z.many_squads
         ELSE z.users_with_many + (n - z.users_with_many * z.many_squads) / z.few_squads END AS user_number,
    CASE WHEN n < z.users_with_many * z.many_squads THEN n % z.many_squads
         ELSE (n - z.users_with_many * z.many_squads) % z.few_squads END AS nth
  FROM seed_scale z CROSS JOIN generate_series(0, z.squads - 1) n;
  ALTER TABLE seed_squads ADD COLUMN user_id uuid, ADD COLUMN project_number bigint;
  UPDATE seed_squads q SET
    user_id = CASE WHEN q.user_number = 0 THEN z.first_user_id ELSE ${id("user", "q.user_number")} END,
    project_number = q.n - q.nth % z.squads_per_project
  FROM seed_scale z;
  CREATE TEMP TABLE seed_executions ON COMMIT DROP AS
  SELECT e AS n, ${id("execution", "e")} AS id, t AS task_number, ${id("task", "t")} AS task_id, q.n AS squad_number,
    q.id AS squad_id, q.user_id, ${outcome("e")} AS status,
    z.until - (z.executions - e) * (z.period / z.executions) AS created_at, interval '7 minutes' AS took,
    CASE WHEN e = 0 THEN 0 ELSE z.longest_messages + (e - 1) * z.rest / (z.executions - 1) END AS first_message,
    CASE WHEN e = 0 THEN z.longest_messages ELSE e * z.rest / (z.executions - 1) - (e - 1) * z.rest / (z.executions - 1) END AS messages
  FROM seed_scale z CROSS JOIN generate_series(0, z.executions - 1) e
  CROSS JOIN LATERAL (SELECT e * z.tasks / z.executions AS t) task
  JOIN seed_squads q ON q.n = task.t % z.squads;
  CREATE UNIQUE INDEX ON seed_squads (n);
  CREATE UNIQUE INDEX ON seed_executions (n);
  CREATE INDEX ON seed_executions (task_number);
  CREATE INDEX ON seed_executions (squad_id);
  ANALYZE seed_squads, seed_executions`;

export const statements: readonly SeedStatement[] = [
  {
    what: "users",
    text: `INSERT INTO users (id, email, name, password_hash, created_at)
      SELECT ${id("user", "n")}, 'user-' || n || '@' || z.name || '.invalid', 'User ' || n, '!', z.until - z.period
      FROM seed_scale z CROSS JOIN generate_series(1, z.users - 1) n ON CONFLICT DO NOTHING`,
  },
  {
    what: "squads",
    text: `INSERT INTO squads (id, user_id, slug, name, goal, status, process, created_at, updated_at)
      SELECT q.id, q.user_id, z.slug || '-' || q.n, ${word("squad", "q.n")} || CASE WHEN z.squads > 10 THEN ' ' || q.n ELSE '' END,
        'Demonstration: this squad and what it did were seeded.',
        CASE WHEN z.squads <= 10 THEN 'active' ELSE (ARRAY['active', 'active', 'active', 'active', 'paused', 'archived'])[1 + ${pick("q.n", "6", 1)}] END,
        (ARRAY['lead', 'lead', 'sequential', 'parallel'])[1 + ${pick("q.n", "4", 2)}], z.until - z.period, z.until - z.period
      FROM seed_squads q, seed_scale z ON CONFLICT DO NOTHING`,
  },
  {
    what: "squad_members",
    text: `INSERT INTO squad_members (id, squad_id, name, role, model, instructions, tools, is_lead, position)
      SELECT ${id("member", "q.n * z.members_per_squad + m")}, q.id, ${word("member", "m")}, ${word("role", "m")}, 'muster/offline', '',
        ARRAY['list_files', 'read_file', 'search_files', 'write_file'], m = 0, m
      FROM seed_scale z CROSS JOIN seed_squads q CROSS JOIN generate_series(0, z.members_per_squad - 1) m ON CONFLICT DO NOTHING`,
  },
  {
    what: "projects",
    text: `INSERT INTO projects (id, user_id, name, description, created_at, updated_at)
      SELECT DISTINCT ON (q.project_number) ${id("project", "q.project_number")}, q.user_id,
        'Project ' || q.project_number, 'Demonstration', z.until - z.period, z.until - z.period
      FROM seed_squads q, seed_scale z ORDER BY q.project_number ON CONFLICT DO NOTHING`,
  },
  {
    what: "tasks",
    text: `INSERT INTO tasks (id, user_id, project_id, squad_id, title, description, status, priority, position, created_at, updated_at)
      SELECT ${id("task", "t")}, q.user_id, ${id("project", "q.project_number")}, q.id, ${word("task", "t")},
        'Use the attached material only and name your sources.',
        CASE e.status WHEN 'completed' THEN 'completed' WHEN 'cancelled' THEN 'cancelled' WHEN 'failed' THEN 'failed'
          WHEN 'budget_exceeded' THEN 'failed' ELSE 'pending' END,
        (ARRAY['low', 'medium', 'medium', 'high', 'urgent'])[1 + ${pick("t", "5", 4)}], t, z.until - z.period, z.until - z.period
      FROM seed_scale z CROSS JOIN generate_series(0, z.tasks - 1) t JOIN seed_squads q ON q.n = t % z.squads
      LEFT JOIN (SELECT DISTINCT ON (task_number) task_number, status FROM seed_executions ORDER BY task_number, n DESC) e
        ON e.task_number = t
      ON CONFLICT DO NOTHING`,
  },
  {
    what: "task_attachments",
    text: `INSERT INTO task_attachments (id, task_id, name, media_type, bytes, content)
      SELECT ${id("attachment", "t")}, ${id("task", "t")}, 'notes.md', 'text/markdown', octet_length(x.content), convert_to(x.content, 'UTF8')
      FROM seed_scale z CROSS JOIN generate_series(0, z.tasks - 1, 4) t JOIN seed_texts x ON x.n = t % z.texts ON CONFLICT DO NOTHING`,
  },
  {
    what: "squad_snapshots",
    text: `ALTER TABLE seed_squads ADD COLUMN snapshot jsonb, ADD COLUMN snapshot_id bytea;
      UPDATE seed_squads q SET snapshot = jsonb_build_object('id', s.id, 'slug', s.slug, 'name', s.name, 'process', s.process,
        'goal', s.goal, 'fallbackModels', '[]'::jsonb, 'limits', z.limits, 'requireApproval', false, 'members',
        (SELECT jsonb_agg(jsonb_build_object('id', m.id, 'name', m.name, 'role', m.role, 'model', m.model, 'instructions', '',
          'tools', to_jsonb(m.tools), 'isLead', m.is_lead, 'position', m.position) ORDER BY m.position)
         FROM squad_members m WHERE m.squad_id = s.id))
      FROM squads s, seed_scale z WHERE s.id = q.id;
      UPDATE seed_squads SET snapshot_id = sha256(convert_to(snapshot::text, 'UTF8'));
      INSERT INTO squad_snapshots (id, snapshot) SELECT DISTINCT ON (snapshot_id) snapshot_id, snapshot FROM seed_squads ON CONFLICT DO NOTHING`,
  },
  {
    what: "task_executions",
    text: `INSERT INTO task_executions (id, user_id, task_id, squad_id, status, end_reason, error, squad_snapshot_id, task, epoch, commit_no,
        last_seq, llm_calls, input_tokens, output_tokens, cost_nano_usd, worked_ms, result_message_id, queued_at, created_at, started_at, ended_at)
      SELECT e.id, e.user_id, e.task_id, e.squad_id, e.status,
        CASE e.status WHEN 'completed' THEN 'done' WHEN 'failed' THEN 'provider_failed' WHEN 'cancelled' THEN 'cancelled_by_user' ELSE 'budget_exceeded' END,
        CASE e.status WHEN 'failed' THEN 'The provider refused the last call' END, q.snapshot_id,
        jsonb_build_object('id', e.task_id, 'title', t.title, 'description', t.description, 'attachments', '[]'::jsonb),
        1, ${eventsPerExecution}, ${eventsPerExecution}, ${stepsPerExecution}, ${stepsPerExecution} * 1200, ${stepsPerExecution} * 300,
        ${stepsPerExecution * (1200 * inputPrice + 300 * outputPrice)}, 420000,
        CASE WHEN e.status = 'completed' AND e.messages > 0 THEN ${id("message", "e.first_message + e.messages - 1")} END,
        e.created_at, e.created_at, e.created_at + interval '1 second', e.created_at + e.took
      FROM seed_executions e JOIN seed_squads q ON q.n = e.squad_number JOIN tasks t ON t.id = e.task_id ON CONFLICT DO NOTHING`,
  },
  {
    what: "execution_steps",
    text: `INSERT INTO execution_steps (id, execution_id, key, kind, ordinal, title, member_id, depends_on, done_criterion, status, attempt,
        output_message_id, started_at, ended_at)
      SELECT ${id("step", `e.n * ${stepsPerExecution} + s`)}, e.id, (ARRAY['plan', 'work-1', 'work-2', 'review-1', 'summary'])[s + 1],
        (ARRAY['plan', 'work', 'work', 'review', 'summary'])[s + 1], s, ${word("step", "s")},
        ${id("member", "e.squad_number * z.members_per_squad + s % z.members_per_squad")},
        CASE s WHEN 0 THEN '{}' WHEN 3 THEN ARRAY['work-1', 'work-2'] WHEN 4 THEN ARRAY['review-1'] ELSE ARRAY['plan'] END,
        'The result names its sources.',
        CASE WHEN s < 4 OR e.status = 'completed' THEN 'completed' WHEN e.status = 'cancelled' THEN 'cancelled' ELSE 'failed' END, 1,
        CASE WHEN e.messages >= ${stepsPerExecution} AND (s < 4 OR e.status = 'completed')
          THEN ${id("message", `e.first_message + (s + 1) * e.messages / ${stepsPerExecution} - 1`)} END,
        e.created_at + e.took * s / ${stepsPerExecution}, e.created_at + e.took * (s + 1) / ${stepsPerExecution}
      FROM seed_scale z CROSS JOIN seed_executions e CROSS JOIN generate_series(0, ${stepsPerExecution - 1}) s ON CONFLICT DO NOTHING`,
  },
  {
    what: "execution_events",
    text: `INSERT INTO execution_event_batches (execution_id, last_seq, at, events, ids, body)
      SELECT e.id, v.seq, e.created_at + e.took * v.seq / ${eventsPerExecution}, 1, '{}',
        jsonb_build_array(jsonb_build_array(v.type, v.data))::text
      FROM seed_executions e CROSS JOIN LATERAL (
        SELECT 1 AS seq, 'execution-start' AS type, '{"epoch": 0}'::jsonb AS data
        UNION ALL
        SELECT 2 + s.ordinal * 3, 'step-start', jsonb_build_object('stepId', s.id, 'key', s.key, 'kind', s.kind, 'title', s.title,
          'memberId', s.member_id, 'attempt', 1, 'dependsOn', to_jsonb(s.depends_on))
        FROM execution_steps s WHERE s.execution_id = e.id
        UNION ALL
        SELECT 3 + s.ordinal * 3, 'usage', jsonb_build_object('llmCallId', ${id("call", `e.n * ${stepsPerExecution} + s.ordinal`)}, 'stepId', s.id,
          'model', 'gpt-4o-mini', 'inputTokens', 1200, 'outputTokens', 300, 'costNanoUsd', ${1200 * inputPrice + 300 * outputPrice},
          'totalCostNanoUsd', ${1200 * inputPrice + 300 * outputPrice} * (s.ordinal + 1))
        FROM execution_steps s WHERE s.execution_id = e.id
        UNION ALL
        SELECT 4 + s.ordinal * 3, 'step-end', jsonb_build_object('stepId', s.id, 'key', s.key, 'status', s.status)
        FROM execution_steps s WHERE s.execution_id = e.id
        UNION ALL
        SELECT ${eventsPerExecution}, 'execution-end', jsonb_build_object('status', x.status, 'endReason', x.end_reason)
        FROM task_executions x WHERE x.id = e.id) v
      ON CONFLICT DO NOTHING`,
  },
  {
    what: "llm_calls",
    text: `INSERT INTO llm_calls (id, execution_id, step_id, key, epoch, state, message_id, provider, model, input_tokens, max_output_tokens,
        cache_result, response, latency_ms, time_to_first_token_ms, started_at, ended_at)
      SELECT ${id("call", `e.n * ${stepsPerExecution} + s`)}, e.id, ${id("step", `e.n * ${stepsPerExecution} + s`)}, 'turn-1', 1, 'done',
        ${id("message", `e.first_message + GREATEST(0, (s + 1) * e.messages / ${stepsPerExecution} - 1)`)}, 'openai', 'gpt-4o-mini', 1200, 2048,
        'miss', '{"toolCalls": [], "finishReason": "stop"}'::jsonb, 2000 + ${pick("e.n + s", "4000", 5)}, 300 + ${pick("e.n + s", "400", 6)},
        e.created_at + e.took * s / ${stepsPerExecution}, e.created_at + e.took * (s + 1) / ${stepsPerExecution}
      FROM seed_executions e CROSS JOIN generate_series(0, ${stepsPerExecution - 1}) s ON CONFLICT DO NOTHING`,
  },
  {
    what: "llm_usage",
    text: `INSERT INTO llm_usage (id, user_id, squad_id, member_id, execution_id, llm_call_id, provider, model, lane, outcome, cache_result,
        input_tokens, output_tokens, cost_nano_usd, latency_ms, time_to_first_token_ms, at)
      SELECT ${id("usage", `e.n * ${stepsPerExecution} + s`)}, e.user_id, e.squad_id,
        ${id("member", "e.squad_number * z.members_per_squad + s % z.members_per_squad")}, e.id, ${id("call", `e.n * ${stepsPerExecution} + s`)},
        'openai', 'gpt-4o-mini', 'background', 'done', 'miss', 1200, 300, ${1200 * inputPrice + 300 * outputPrice},
        2000 + ${pick("e.n + s", "4000", 5)}, 300 + ${pick("e.n + s", "400", 6)}, e.created_at + e.took * (s + 1) / ${stepsPerExecution}
      FROM seed_scale z CROSS JOIN seed_executions e CROSS JOIN generate_series(0, ${stepsPerExecution - 1}) s ON CONFLICT DO NOTHING`,
  },
  {
    what: "budgets",
    text: `INSERT INTO budgets (id, user_id, level, scope_id, period, period_start, limit_nano_usd, spent_nano_usd)
      SELECT ${id("budget", "q.n")}, q.user_id, 'squad', q.id, 'month', month.start::date, 50000000000, COALESCE((SELECT sum(u.cost_nano_usd)
        FROM llm_usage u JOIN seed_executions e ON e.id = u.execution_id WHERE e.squad_id = q.id AND u.at >= month.start AT TIME ZONE 'UTC'), 0)
      FROM seed_squads q CROSS JOIN (SELECT date_trunc('month', z.until AT TIME ZONE 'UTC') AS start FROM seed_scale z) month
      WHERE q.n % 3 = 0 ON CONFLICT DO NOTHING`,
  },
  {
    what: "notifications",
    text: `INSERT INTO notifications (id, user_id, kind, title, body, execution_id, created_at, read_at)
      SELECT ${id("notification", "e.n")}, e.user_id,
        CASE e.status WHEN 'completed' THEN 'execution_completed' WHEN 'budget_exceeded' THEN 'budget_exceeded' ELSE 'execution_failed' END,
        t.title, '', e.id, e.created_at + e.took, CASE WHEN e.n % 3 > 0 THEN e.created_at + e.took + interval '1 hour' END
      FROM seed_executions e JOIN tasks t ON t.id = e.task_id WHERE e.status <> 'cancelled' ON CONFLICT DO NOTHING`,
  },
];

/** Messages $1 to $2 (exclusive); run in batches, for progress and to bound what one statement holds. */
export const messagesText = `
  INSERT INTO agent_messages (id, task_execution_id, step_id, member_id, role, status, model, content, input_tokens, output_tokens, created_at)
  SELECT ${id("message", "i")}, e.id, ${id("step", `e.n * ${stepsPerExecution} + step.s`)},
    ${id("member", "e.squad_number * z.members_per_squad + step.s % z.members_per_squad")},
    CASE WHEN step.nth % 4 = 2 THEN 'tool' ELSE 'assistant' END, 'completed', 'gpt-4o-mini', t.content, 1200, length(t.content) / 4,
    e.created_at + e.took * (step.nth + 1) / (e.messages + 1)
  FROM seed_scale z
  CROSS JOIN generate_series($1::bigint, $2::bigint - 1) i
  JOIN seed_executions e ON e.n = CASE WHEN i < z.longest_messages THEN 0
    ELSE ((i - z.longest_messages + 1) * (z.executions - 1) + z.rest - 1) / z.rest END
  CROSS JOIN LATERAL (SELECT i - e.first_message AS nth, ((i - e.first_message) * ${stepsPerExecution} / e.messages)::integer AS s) step
  JOIN seed_texts t ON t.n = ${pick("i", "z.texts", 7)}
  ON CONFLICT DO NOTHING`;
