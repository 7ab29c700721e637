-- Who did the housekeeping last (one process does it for all), and how long the journal of ended executions stays whole.
ALTER TABLE installation
  ADD COLUMN maintained_at timestamptz,
  ADD COLUMN journal_days integer NOT NULL DEFAULT 30 CHECK (journal_days BETWEEN 1 AND 3650);
ALTER TABLE task_executions ADD COLUMN compacted_at timestamptz;
CREATE INDEX idx_executions_to_compact ON task_executions (ended_at) WHERE ended_at IS NOT NULL AND compacted_at IS NULL;
