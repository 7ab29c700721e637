-- What a complete answer took and cost, as it was told when it came: a conversation that is opened again shows the same. Bills are
-- counted in llm_usage; this is what belongs to one answer, also where a whole execution made it.
ALTER TABLE conversation_messages ADD COLUMN bill jsonb;
