-- A batch whose submission got no answer is looked for at the provider: by how many calls were sent, and when; what it is not.
ALTER TABLE llm_batches ADD COLUMN sent_calls integer, ADD COLUMN sent_at timestamptz,
  ADD COLUMN foreign_ids text[] NOT NULL DEFAULT '{}';
UPDATE llm_batches SET sent_calls = calls, sent_at = now() WHERE attempts > 0 AND provider_batch_id IS NULL;
