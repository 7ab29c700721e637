-- The format that an OpenAI-compatible account speaks: chat completions, or responses.
ALTER TABLE provider_accounts
  ADD COLUMN wire text NOT NULL DEFAULT 'chat' CHECK (wire IN ('chat', 'responses'));
