-- Whether a deferred call is in the middle of a live request: should its process die, what it costs is not known.
ALTER TABLE llm_economy_calls ADD COLUMN live_at timestamptz;
UPDATE llm_economy_calls SET live_at = created_at WHERE state = 'live';
-- What is held against budgets is looked for by its holds.
CREATE INDEX idx_llm_economy_calls_held ON llm_economy_calls (key) WHERE hold_id IS NOT NULL;
