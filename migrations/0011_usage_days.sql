-- The bill of days that are over, summed up once: what GET /usage reads does not grow with the number of calls. Rows of llm_usage are never changed, so
-- neither are these. Days from `usage_rolled_until` on are still summed from the calls themselves.
CREATE TABLE usage_days (
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  day date NOT NULL,
  squad_id uuid,
  member_id uuid,
  model text NOT NULL,
  lane text NOT NULL,
  calls integer NOT NULL,
  input_tokens bigint NOT NULL,
  cache_read_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  -- Of the calls whose price is known; null when none is.
  cost_nano_usd bigint,
  unpriced_calls integer NOT NULL,
  saved_nano_usd bigint NOT NULL,
  cache_hits integer NOT NULL
);
CREATE INDEX idx_usage_days_user_day ON usage_days (user_id, day);
CREATE INDEX idx_llm_usage_at ON llm_usage USING brin (at);
ALTER TABLE installation ADD COLUMN usage_rolled_until date;
