-- Prepared statements are planned for any status, so they cannot use an index of the pending ones alone; and where the status is
-- known the index of the squad's tasks is as good. See docs/decisions/0118-no-index-of-pending-tasks.md.
DROP INDEX idx_pending_tasks;
