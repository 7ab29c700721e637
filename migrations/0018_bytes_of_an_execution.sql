-- What an execution leaves behind: docs/decisions/0086-bytes-of-an-execution.md has the figures.

-- Room that inserts leave in a page was meant for updates in place. But the old versions of rows whose executions run are
-- thrown out of a page as soon as it is full and make that room anyway; what was kept free stayed free for ever.
ALTER TABLE task_executions RESET (fillfactor);

-- The bill is read newest first by (user_id, at), too. Calls of one commit have the same time, and equal entries are stored once.
DROP INDEX idx_llm_usage_user_id;

-- An execution has some hundred calls at most: reading those of one step needs no key of its own, and entries without the step
-- are equal.
DROP INDEX idx_llm_calls_execution_id;
CREATE INDEX idx_llm_calls_execution_id ON llm_calls (execution_id);

-- The commits of an execution come one after the other at its place in this index, not at the index's end. A page that is left
-- nine tenths full there has to be split in halves for them soon; with this room it fills up.
ALTER INDEX execution_event_batches_pkey SET (fillfactor = 80);
