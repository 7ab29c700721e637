-- The events of one commit are one row: a row, an index entry and a check of its parent for each event were a quarter of
-- what an execution cost PostgreSQL, and most of what it left behind (docs/decisions/0037-events-of-a-commit-are-one-row.md).
CREATE TABLE execution_event_batches (
  execution_id uuid NOT NULL REFERENCES task_executions ON DELETE CASCADE,
  -- Number of its last event; the first one's is last_seq - events + 1.
  last_seq bigint NOT NULL,
  at timestamptz NOT NULL,
  events integer NOT NULL CHECK (events > 0),
  -- Ids that the events refer to by their place here, counted from 1.
  ids uuid[] NOT NULL,
  -- JSON: an array of events, each an array of its type or the type's number and of its facts: see muster_event_data below
  -- and src/events/pack-events.ts. Text, since it is written whole, read whole and shorter than jsonb.
  body text NOT NULL,
  PRIMARY KEY (execution_id, last_seq)
);

INSERT INTO execution_event_batches (execution_id, last_seq, at, events, ids, body)
SELECT execution_id, max(seq), at, count(*), '{}', jsonb_agg(jsonb_build_array(type, data) ORDER BY seq)::text
FROM (SELECT *, seq - row_number() OVER (PARTITION BY execution_id, at ORDER BY seq) AS island FROM execution_events) e
GROUP BY execution_id, at, island;

DROP TABLE execution_events;

-- The stored forms of events. What another table says anyway (a step's title, a message's text) is not repeated.
CREATE FUNCTION muster_event_type(p_event jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE jsonb_typeof(p_event->0) WHEN 'string' THEN p_event->>0 ELSE
    (ARRAY['step-planned', 'step-start', 'step-end', 'message-start', 'message-delta', 'message-end', 'usage'])[(p_event->>0)::integer] END
$$;

CREATE FUNCTION muster_step_facts(p_step uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('stepId', id, 'key', key, 'kind', kind, 'title', title, 'memberId', member_id, 'dependsOn', to_jsonb(depends_on))
  FROM execution_steps WHERE id = p_step
$$;

CREATE FUNCTION muster_event_data(e jsonb, ids uuid[]) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE e->>0
    WHEN '1' THEN jsonb_build_object('steps', (SELECT COALESCE(jsonb_agg(muster_step_facts(ids[place::integer]) ORDER BY nth), '[]'::jsonb)
      FROM jsonb_array_elements_text(e->1) WITH ORDINALITY AS s(place, nth)))
    WHEN '2' THEN muster_step_facts(ids[(e->>1)::integer]) || jsonb_build_object('attempt', e->2)
    WHEN '3' THEN (SELECT jsonb_build_object('stepId', id, 'key', key, 'status', e->2) FROM execution_steps WHERE id = ids[(e->>1)::integer])
    WHEN '4' THEN jsonb_build_object('messageId', ids[(e->>1)::integer], 'stepId', ids[(e->>2)::integer],
      'memberId', ids[(e->>3)::integer], 'model', e->4)
    WHEN '5' THEN jsonb_build_object('messageId', ids[(e->>1)::integer], 'from', e->2, 'to', e->3)
    WHEN '6' THEN jsonb_build_object('messageId', ids[(e->>1)::integer], 'inputTokens', e->2, 'outputTokens', e->3)
    WHEN '7' THEN jsonb_build_object('llmCallId', ids[(e->>1)::integer], 'stepId', ids[(e->>2)::integer], 'model', e->3,
      'inputTokens', e->4, 'outputTokens', e->5, 'costNanoUsd', e->6, 'totalCostNanoUsd', e->7)
    ELSE e->1 END
$$;

-- One row per event, for whoever wants to read them so (the journal's own functions, people, scripts).
CREATE VIEW execution_events AS
  SELECT b.execution_id, b.last_seq - b.events + e.nth AS seq, b.at, muster_event_type(e.value) AS type,
    muster_event_data(e.value, b.ids) AS data
  FROM execution_event_batches b CROSS JOIN LATERAL jsonb_array_elements(b.body::jsonb) WITH ORDINALITY AS e(value, nth);

-- A process of the version before writes the first event of an execution like this while an update is under way.
CREATE FUNCTION muster_insert_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO execution_event_batches (execution_id, last_seq, at, events, ids, body)
  VALUES (NEW.execution_id, NEW.seq, NEW.at, 1, '{}', jsonb_build_array(jsonb_build_array(NEW.type, NEW.data))::text);
  RETURN NEW;
END $$;
CREATE TRIGGER muster_insert_event INSTEAD OF INSERT ON execution_events FOR EACH ROW EXECUTE FUNCTION muster_insert_event();
