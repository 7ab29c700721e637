-- Whoever deletes a row looks for those that refer to it: without an index of these that reads their whole table. Only entries that
-- refer to anything are kept.
CREATE INDEX idx_notifications_execution_id ON notifications (execution_id) WHERE execution_id IS NOT NULL;
CREATE INDEX idx_conversations_squad_member_id ON conversations (squad_member_id) WHERE squad_member_id IS NOT NULL;
CREATE INDEX idx_web_vitals_user_id ON web_vitals (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX idx_llm_economy_calls_user_id ON llm_economy_calls (user_id) WHERE user_id IS NOT NULL;

-- Deferred calls are forgotten a month after their end. Sessions have no such index: each is prolonged every minute, which would
-- have to be written there too, and reading all of them every ten minutes costs less.
CREATE INDEX idx_deferred_calls_ended_at ON deferred_calls (ended_at) WHERE ended_at IS NOT NULL;
