-- Rate limits of provider accounts, shared by all processes: blocks of a sliding window, each counting until its time.
CREATE TABLE llm_rate_windows (
  -- Account and what is counted: `<account id>/requests`, `<account id>/tokens`.
  key text PRIMARY KEY,
  paused_until timestamptz
);
CREATE TABLE llm_rate_leases (
  id uuid PRIMARY KEY,
  key text NOT NULL REFERENCES llm_rate_windows ON DELETE CASCADE,
  amount integer NOT NULL CHECK (amount >= 0),
  counts_until timestamptz NOT NULL
);
CREATE INDEX idx_llm_rate_leases_key ON llm_rate_leases (key);
CREATE INDEX idx_budget_reservations_process ON budget_reservations (process_id) WHERE process_id IS NOT NULL;

-- The economy lane: calls handed to a provider's Batch API, found again after a restart by their key.
CREATE TABLE llm_economy_calls (
  -- Hash of the request and whoever asks: the same call asked again after a restart finds its batch.
  key text PRIMARY KEY,
  account_id text NOT NULL,
  -- The provider's id of the batch; null until it was submitted.
  batch_id text,
  state text NOT NULL CHECK (state IN ('waiting', 'submitted', 'done', 'failed')),
  -- The answer as it came, or the error's text.
  result text,
  submitted_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_llm_economy_calls_created_at ON llm_economy_calls (created_at);
