-- Lists count and skip in the index alone, whatever they are filtered by: one who has 100,000 tasks or squads would have them read
-- with their texts. All of these columns stand in some index already, so no update has more indexes to write than before.
DROP INDEX idx_tasks_user_id;
CREATE INDEX idx_tasks_user_id ON tasks (user_id, id) INCLUDE (status, priority, project_id, squad_id);
DROP INDEX idx_squads_user_id_status;
CREATE INDEX idx_squads_user_id_status ON squads (user_id, status, id);
