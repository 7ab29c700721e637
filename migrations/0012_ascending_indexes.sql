-- Ids and times grow: in an ascending index a group's new entry stands behind its others, and PostgreSQL then splits a page after it
-- and leaves full pages behind; in a descending one it stands before them and every split leaves two half-empty pages. Pages
-- are read newest first all the same, backwards. docs/decisions/0049-ascending-indexes.md.
DROP INDEX idx_agent_messages_execution_id;
CREATE INDEX idx_agent_messages_execution_id ON agent_messages (task_execution_id, id);
DROP INDEX idx_llm_usage_user_id;
CREATE INDEX idx_llm_usage_user_id ON llm_usage (user_id, id);
DROP INDEX idx_executions_user_id;
CREATE INDEX idx_executions_user_id ON task_executions (user_id, id);
DROP INDEX idx_executions_user_status;
CREATE INDEX idx_executions_user_status ON task_executions (user_id, status, id);
DROP INDEX idx_executions_squad_status_created;
CREATE INDEX idx_executions_squad_status_created ON task_executions (squad_id, status, created_at);
DROP INDEX idx_executions_task_id;
CREATE INDEX idx_executions_task_id ON task_executions (task_id, id);
DROP INDEX idx_notifications_user_id;
CREATE INDEX idx_notifications_user_id ON notifications (user_id, id);
DROP INDEX idx_tasks_user_id;
CREATE INDEX idx_tasks_user_id ON tasks (user_id, id);
DROP INDEX idx_tasks_project_id;
CREATE INDEX idx_tasks_project_id ON tasks (project_id, id);
