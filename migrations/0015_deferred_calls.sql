-- Single calls that may wait for their provider's batch: accepted when this row is committed, answered under its id.
CREATE TABLE deferred_calls (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  -- As the client named it.
  model text NOT NULL,
  cache text NOT NULL CHECK (cache IN ('auto', 'force', 'off')),
  -- JSON as text: prompts may have characters that jsonb does not take.
  request text NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'completed', 'failed', 'cancelled')),
  -- When it goes live.
  deadline_at timestamptz NOT NULL,
  -- The process that works it, and until when it is believed to live.
  holder uuid,
  held_until timestamptz,
  -- The answer's parts (JSON as text), or why there is none.
  answer text,
  error_code text,
  error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz
);
CREATE INDEX idx_deferred_calls_user_id ON deferred_calls (user_id, id);
CREATE INDEX idx_deferred_calls_waiting ON deferred_calls (deadline_at) WHERE state = 'waiting';

-- What a batch may still cost for a call that went live or was cancelled is held against the budgets until it has ended.
ALTER TABLE llm_economy_calls
  ADD COLUMN most_nano_usd bigint,
  -- Under this id stand the reservations (budget_reservations.llm_call_id).
  ADD COLUMN hold_id uuid;
CREATE INDEX idx_llm_economy_calls_call_id ON llm_economy_calls (call_id);
