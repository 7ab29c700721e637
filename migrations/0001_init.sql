-- The schema of Muster. Ids are UUIDv7 made by the application; money is integer nano-USD; time is the database's.
-- Closed sets stand in CHECK constraints that a test compares with src/contracts/closed-sets.ts.

CREATE TABLE users (
  id uuid PRIMARY KEY,
  email text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  password_hash text NOT NULL,
  role text NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'member')),
  avatar_key text,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX idx_users_email ON users (lower(email));

CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  token_hash bytea NOT NULL UNIQUE,
  user_agent text,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX idx_sessions_user_id ON sessions (user_id);

CREATE TABLE api_keys (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  token_hash bytea NOT NULL UNIQUE,
  -- The first characters of the key, so that its owner can tell keys apart.
  prefix text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  revoked_at timestamptz
);
CREATE INDEX idx_api_keys_user_id ON api_keys (user_id);

CREATE TABLE invitations (
  id uuid PRIMARY KEY,
  invited_by uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  email text NOT NULL,
  token_hash bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  accepted_at timestamptz
);

-- One row: facts of this installation (claim code hash until it is claimed, tenant secret check value, …).
CREATE TABLE installation (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  claim_code_hash bytea,
  claimed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO installation (id) VALUES (true);

CREATE TABLE squads (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  slug text NOT NULL CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 64),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  goal text NOT NULL DEFAULT '' CHECK (length(goal) <= 4000),
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'archived')),
  process text NOT NULL DEFAULT 'lead' CHECK (process IN ('lead', 'sequential', 'parallel')),
  fallback_models text[] NOT NULL DEFAULT '{}',
  require_approval boolean NOT NULL DEFAULT false,
  -- ExecutionLimits of src/contracts/limits.ts; keys that are absent take the default.
  limits jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (user_id, slug)
);
CREATE INDEX idx_squads_user_id ON squads (user_id);
CREATE INDEX idx_squads_user_id_status ON squads (user_id, status);
CREATE INDEX idx_active_squads ON squads (user_id) WHERE status = 'active';
-- The list page: newest first.
CREATE INDEX idx_squads_user_id_id ON squads (user_id, id DESC);

CREATE TABLE squad_members (
  id uuid PRIMARY KEY,
  squad_id uuid NOT NULL REFERENCES squads ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  role text NOT NULL CHECK (length(role) BETWEEN 1 AND 64),
  model text NOT NULL CHECK (length(model) BETWEEN 1 AND 200),
  instructions text NOT NULL DEFAULT '' CHECK (length(instructions) <= 20000),
  tools text[] NOT NULL DEFAULT '{}',
  is_lead boolean NOT NULL DEFAULT false,
  position integer NOT NULL DEFAULT 0,
  avatar_key text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_squad_members_squad_id ON squad_members (squad_id, position);
CREATE UNIQUE INDEX idx_squad_members_one_lead ON squad_members (squad_id) WHERE is_lead;

CREATE TABLE projects (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  description text NOT NULL DEFAULT '' CHECK (length(description) <= 20000),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_projects_user_id ON projects (user_id, id DESC);

CREATE TABLE tasks (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
  squad_id uuid REFERENCES squads ON DELETE SET NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 300),
  description text NOT NULL DEFAULT '' CHECK (length(description) <= 200000),
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'in_progress', 'completed', 'failed', 'cancelled')),
  priority text NOT NULL DEFAULT 'medium' CHECK (priority IN ('low', 'medium', 'high', 'urgent')),
  -- Position within its column of the board; lower comes first.
  position double precision NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_tasks_squad_id ON tasks (squad_id);
CREATE INDEX idx_tasks_project_status_priority ON tasks (project_id, status, priority);
CREATE INDEX idx_pending_tasks ON tasks (squad_id, priority) WHERE status = 'pending';
CREATE INDEX idx_tasks_user_id ON tasks (user_id, id DESC);
CREATE INDEX idx_tasks_project_id ON tasks (project_id, id DESC);

CREATE TABLE task_attachments (
  id uuid PRIMARY KEY,
  task_id uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  media_type text NOT NULL,
  bytes integer NOT NULL,
  content bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (task_id, name)
);

-- A squad as executions work with it, whatever is edited meanwhile. Addressed by content: many executions share one row.
CREATE TABLE squad_snapshots (
  -- SHA-256 of the snapshot's canonical JSON.
  id bytea PRIMARY KEY,
  snapshot jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Worker processes. A row here is the lease of all executions that name it: it is renewed about every 3 s by a thread
-- of its own and deleted when the process is known to be dead or has not renewed for 10 s (docs/architecture/execution-engine.md).
CREATE TABLE workers (
  id uuid PRIMARY KEY,
  -- Machine, boot and pid namespace; lets a neighbour on the same machine see at once that the process is gone.
  host_key text NOT NULL,
  pid integer NOT NULL,
  -- Start time of the process in clock ticks since boot: a reused pid is another process.
  pid_started text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  heartbeat_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE task_executions (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  task_id uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
  squad_id uuid REFERENCES squads ON DELETE SET NULL,
  status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'paused', 'awaiting_approval', 'completed', 'failed', 'cancelled', 'budget_exceeded')),
  end_reason text CHECK (end_reason IN ('done', 'cancelled_by_user', 'budget_exceeded', 'step_limit', 'llm_call_limit', 'tool_call_limit', 'time_limit', 'plan_invalid', 'step_failed', 'provider_failed', 'no_progress', 'internal_error')),
  error text,
  squad_snapshot_id bytea NOT NULL REFERENCES squad_snapshots,
  -- TaskSnapshot of src/contracts/squad-shapes.ts.
  task jsonb NOT NULL,
  lane text NOT NULL DEFAULT 'background' CHECK (lane IN ('interactive', 'background', 'micro_batch', 'economy')),
  -- W3C trace context of the request that started it.
  traceparent text,
  -- Fencing: a worker writes only under the epoch it claimed.
  epoch integer NOT NULL DEFAULT 0,
  worker_id uuid,
  -- Number of the last journal commit of this epoch, so that a commit whose answer was lost is not applied twice.
  commit_no integer NOT NULL DEFAULT 0,
  claims_without_progress integer NOT NULL DEFAULT 0,
  last_seq bigint NOT NULL DEFAULT 0,
  cancel_requested_at timestamptz,
  pause_requested_at timestamptz,
  llm_calls integer NOT NULL DEFAULT 0,
  tool_calls integer NOT NULL DEFAULT 0,
  input_tokens bigint NOT NULL DEFAULT 0,
  output_tokens bigint NOT NULL DEFAULT 0,
  cost_nano_usd bigint NOT NULL DEFAULT 0,
  -- True when a call of unknown price is part of it: the sum above is then a lower bound.
  cost_incomplete boolean NOT NULL DEFAULT false,
  -- Time worked in earlier stretches (before pauses), and when the current stretch began.
  worked_ms bigint NOT NULL DEFAULT 0,
  running_since timestamptz,
  queued_at timestamptz NOT NULL DEFAULT now(),
  result_message_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  ended_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX idx_executions_squad_status_created ON task_executions (squad_id, status, created_at DESC);
CREATE INDEX idx_executions_user_id ON task_executions (user_id, id DESC);
CREATE INDEX idx_executions_user_status ON task_executions (user_id, status, id DESC);
CREATE INDEX idx_executions_task_id ON task_executions (task_id, id DESC);
-- The queue: an accepted execution is a queued row, there is no second record that could disagree with it.
CREATE INDEX idx_executions_queued ON task_executions (queued_at, id) WHERE status = 'queued';
CREATE INDEX idx_executions_running ON task_executions (worker_id) WHERE status = 'running';

CREATE TABLE execution_steps (
  id uuid PRIMARY KEY,
  execution_id uuid NOT NULL REFERENCES task_executions ON DELETE CASCADE,
  key text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('plan', 'work', 'review', 'summary')),
  ordinal integer NOT NULL,
  title text NOT NULL,
  member_id uuid,
  depends_on text[] NOT NULL DEFAULT '{}',
  done_criterion text NOT NULL DEFAULT '',
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'completed', 'failed', 'skipped', 'cancelled')),
  attempt integer NOT NULL DEFAULT 0,
  output_message_id uuid,
  data jsonb,
  error text,
  started_at timestamptz,
  ended_at timestamptz,
  UNIQUE (execution_id, key)
);

-- A message's text is stored once, here; deltas and step outputs refer to it.
CREATE TABLE agent_messages (
  id uuid PRIMARY KEY,
  task_execution_id uuid NOT NULL REFERENCES task_executions ON DELETE CASCADE,
  step_id uuid,
  member_id uuid,
  role text NOT NULL CHECK (role IN ('assistant', 'tool', 'user')),
  status text NOT NULL CHECK (status IN ('streaming', 'completed', 'reset', 'cancelled')),
  model text,
  content text NOT NULL,
  tool_calls jsonb,
  input_tokens integer,
  output_tokens integer,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_agent_messages_execution_id ON agent_messages (task_execution_id, id DESC);

CREATE TABLE execution_events (
  execution_id uuid NOT NULL REFERENCES task_executions ON DELETE CASCADE,
  seq bigint NOT NULL,
  at timestamptz NOT NULL,
  type text NOT NULL,
  data jsonb NOT NULL,
  PRIMARY KEY (execution_id, seq)
);

-- One row per request to a provider made for an execution, written before its socket opens.
CREATE TABLE llm_calls (
  id uuid PRIMARY KEY,
  execution_id uuid NOT NULL REFERENCES task_executions ON DELETE CASCADE,
  step_id uuid NOT NULL,
  -- Unique within the step and the same when the work is replayed.
  key text NOT NULL,
  epoch integer NOT NULL,
  state text NOT NULL CHECK (state IN ('started', 'done', 'failed', 'lost', 'cancelled')),
  message_id uuid NOT NULL,
  provider text NOT NULL,
  model text NOT NULL,
  request_hash bytea,
  input_tokens integer NOT NULL DEFAULT 0,
  max_output_tokens integer NOT NULL DEFAULT 0,
  -- Upper bound in nano-USD that was reserved; null when the price is unknown.
  reserved_nano_usd bigint,
  cache_result text CHECK (cache_result IN ('hit', 'miss', 'coalesced', 'bypass')),
  -- {toolCalls, finishReason}; the text stands in agent_messages.
  response jsonb,
  error text,
  trimmed jsonb,
  attempts integer NOT NULL DEFAULT 1,
  latency_ms integer,
  time_to_first_token_ms integer,
  rate_wait_ms integer,
  started_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz
);
CREATE INDEX idx_llm_calls_execution_id ON llm_calls (execution_id, step_id);

CREATE TABLE tool_calls (
  id uuid PRIMARY KEY,
  execution_id uuid NOT NULL REFERENCES task_executions ON DELETE CASCADE,
  step_id uuid NOT NULL,
  key text NOT NULL,
  epoch integer NOT NULL,
  member_id uuid NOT NULL,
  tool text NOT NULL,
  class text NOT NULL CHECK (class IN ('pure', 'idempotent', 'unsafe')),
  arguments text NOT NULL,
  state text NOT NULL CHECK (state IN ('started', 'done', 'failed', 'unknown')),
  result text,
  started_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  UNIQUE (execution_id, step_id, key)
);

-- The bill: one row per paid or saved call. Executions outlive nothing here: rows stay when an execution is deleted.
CREATE TABLE llm_usage (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  squad_id uuid,
  member_id uuid,
  execution_id uuid,
  llm_call_id uuid,
  provider text NOT NULL,
  model text NOT NULL,
  account_id uuid,
  lane text NOT NULL CHECK (lane IN ('interactive', 'background', 'micro_batch', 'economy')),
  outcome text NOT NULL CHECK (outcome IN ('done', 'failed', 'lost', 'cancelled')),
  cache_result text NOT NULL CHECK (cache_result IN ('hit', 'miss', 'coalesced', 'bypass')),
  input_tokens integer NOT NULL,
  cache_read_tokens integer NOT NULL DEFAULT 0,
  cache_write_tokens integer NOT NULL DEFAULT 0,
  output_tokens integer NOT NULL,
  reasoning_tokens integer NOT NULL DEFAULT 0,
  estimated boolean NOT NULL DEFAULT false,
  -- Null: the price of this model is not known. Never 0 for that.
  cost_nano_usd bigint,
  saved_nano_usd bigint,
  latency_ms integer,
  time_to_first_token_ms integer,
  rate_wait_ms integer,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_llm_usage_user_id ON llm_usage (user_id, id DESC);
CREATE INDEX idx_llm_usage_user_at ON llm_usage (user_id, at);
CREATE INDEX idx_llm_usage_execution_id ON llm_usage (execution_id) WHERE execution_id IS NOT NULL;

CREATE TABLE llm_cache (
  key bytea PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  squad_id uuid,
  model text NOT NULL,
  reply jsonb NOT NULL,
  bytes integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX idx_llm_cache_user_model ON llm_cache (user_id, model);
CREATE INDEX idx_llm_cache_squad ON llm_cache (squad_id) WHERE squad_id IS NOT NULL;
CREATE INDEX idx_llm_cache_expires_at ON llm_cache (expires_at);

CREATE TABLE budgets (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  level text NOT NULL CHECK (level IN ('instance', 'squad', 'execution')),
  -- The squad or execution it binds; for the instance level, the user whose calls it binds.
  scope_id uuid NOT NULL,
  period text NOT NULL CHECK (period IN ('total', 'month')),
  period_start date NOT NULL DEFAULT date_trunc('month', now() AT TIME ZONE 'UTC')::date,
  limit_nano_usd bigint NOT NULL CHECK (limit_nano_usd >= 0),
  spent_nano_usd bigint NOT NULL DEFAULT 0 CHECK (spent_nano_usd >= 0),
  reserved_nano_usd bigint NOT NULL DEFAULT 0 CHECK (reserved_nano_usd >= 0),
  warned_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (level, scope_id),
  -- The last guard of durability.md. A limit lowered below what is spent is stored as what is spent: see domain/budgets.
  CONSTRAINT budgets_never_exceeded CHECK (spent_nano_usd + reserved_nano_usd <= limit_nano_usd)
);
CREATE INDEX idx_budgets_user_id ON budgets (user_id);

CREATE TABLE budget_reservations (
  id uuid PRIMARY KEY,
  budget_id uuid NOT NULL REFERENCES budgets ON DELETE CASCADE,
  -- The call it is for, or null for a block leased by a process.
  llm_call_id uuid,
  process_id uuid,
  amount_nano_usd bigint NOT NULL CHECK (amount_nano_usd >= 0),
  -- Of a block: what has been spent out of it so far.
  spent_nano_usd bigint NOT NULL DEFAULT 0,
  -- Month of the budget in which it was reserved: money reserved in an old period is not given back to the new one.
  period_start date NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz
);
CREATE INDEX idx_budget_reservations_call ON budget_reservations (llm_call_id) WHERE llm_call_id IS NOT NULL;
CREATE INDEX idx_budget_reservations_expires ON budget_reservations (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX idx_budget_reservations_budget ON budget_reservations (budget_id);

CREATE TABLE provider_accounts (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('openai', 'anthropic', 'google', 'ollama', 'openai_compatible', 'offline')),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  base_url text,
  -- AES-256-GCM with the row's id as additional data: nonce || ciphertext || tag. Null when no key is needed.
  key_encrypted bytea,
  -- Last four characters, to recognise it by.
  key_hint text,
  models text[] NOT NULL DEFAULT '{}',
  allow_private_address boolean NOT NULL DEFAULT false,
  requests_per_minute integer,
  tokens_per_minute integer,
  price_overrides jsonb NOT NULL DEFAULT '{}',
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (user_id, name)
);

CREATE TABLE notifications (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('execution_completed', 'execution_failed', 'execution_paused', 'approval_requested', 'budget_warning', 'budget_exceeded', 'system')),
  title text NOT NULL,
  body text NOT NULL DEFAULT '',
  execution_id uuid REFERENCES task_executions ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  read_at timestamptz
);
CREATE INDEX idx_notifications_user_id ON notifications (user_id, id DESC);
CREATE INDEX idx_notifications_unread ON notifications (user_id) WHERE read_at IS NULL;

CREATE TABLE web_vitals (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id uuid REFERENCES users ON DELETE SET NULL,
  name text NOT NULL CHECK (name IN ('LCP', 'INP', 'CLS', 'FCP', 'TTFB')),
  value double precision NOT NULL,
  -- The route pattern, never the raw path.
  page text NOT NULL,
  rating text NOT NULL CHECK (rating IN ('good', 'needs-improvement', 'poor')),
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_web_vitals_at ON web_vitals (at);

CREATE TABLE idempotency_keys (
  user_id uuid NOT NULL,
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  -- SHA-256 of method, path and body.
  request_hash bytea NOT NULL,
  -- Null while the first request is in flight.
  status integer,
  headers jsonb,
  body text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, key)
);
CREATE INDEX idx_idempotency_keys_created_at ON idempotency_keys (created_at);

-- Chat conversations of POST /agent/chat/stream.
CREATE TABLE conversations (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  squad_member_id uuid REFERENCES squad_members ON DELETE SET NULL,
  model text,
  title text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_conversations_user_id ON conversations (user_id, id DESC);
CREATE TABLE conversation_messages (
  id uuid PRIMARY KEY,
  conversation_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
  role text NOT NULL CHECK (role IN ('user', 'assistant')),
  content text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_conversation_messages ON conversation_messages (conversation_id, id);
