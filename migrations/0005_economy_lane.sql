-- The economy lane goes on by itself after a restart: what is to be sent stands with the call, and a batch is a thing of
-- its own that its owner can see and cancel. Calls of the version before have no request; they cannot be sent again.
CREATE TABLE llm_batches (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  account_id text NOT NULL,
  provider text NOT NULL,
  model text NOT NULL,
  -- The provider's id; null until it has said so.
  provider_batch_id text,
  state text NOT NULL CHECK (state IN ('submitting', 'running', 'cancelling', 'ended', 'failed', 'cancelled')),
  calls integer NOT NULL,
  done_calls integer NOT NULL DEFAULT 0,
  failed_calls integer NOT NULL DEFAULT 0,
  -- How often it was handed to the provider: more than once after an answer that never came.
  attempts integer NOT NULL DEFAULT 0,
  error text,
  -- The first of its calls goes live then.
  deadline_at timestamptz NOT NULL,
  submitted_at timestamptz,
  ended_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_llm_batches_user_id ON llm_batches (user_id, id DESC);
CREATE INDEX idx_llm_batches_open ON llm_batches (state) WHERE state IN ('submitting', 'running', 'cancelling');

ALTER TABLE llm_economy_calls
  ADD COLUMN user_id uuid REFERENCES users ON DELETE CASCADE,
  -- Whose answer it is: a call of an execution is wanted as long as that has not ended.
  ADD COLUMN execution_id uuid REFERENCES task_executions ON DELETE CASCADE,
  ADD COLUMN call_id uuid,
  ADD COLUMN model text,
  ADD COLUMN provider text,
  ADD COLUMN llm_batch_id uuid REFERENCES llm_batches ON DELETE SET NULL,
  -- What is sent (JSON as text: prompts may have characters that jsonb does not take), and what is needed to book an
  -- answer that nobody waits for any more.
  ADD COLUMN request text,
  ADD COLUMN booking jsonb,
  ADD COLUMN deadline_at timestamptz,
  DROP CONSTRAINT llm_economy_calls_state_check,
  ADD CONSTRAINT llm_economy_calls_state_check
    CHECK (state IN ('waiting', 'submitted', 'done', 'failed', 'live', 'cancelled'));
CREATE INDEX idx_llm_economy_calls_open ON llm_economy_calls (user_id, account_id, model, created_at) WHERE state IN ('waiting', 'submitted');
CREATE INDEX idx_llm_economy_calls_batch ON llm_economy_calls (llm_batch_id);
CREATE INDEX idx_llm_economy_calls_execution_id ON llm_economy_calls (execution_id);

-- Which process hands over and asks after batches, for all of them.
ALTER TABLE installation ADD COLUMN economy_holder uuid, ADD COLUMN economy_until timestamptz;
