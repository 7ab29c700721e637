-- The journal: every change of an execution is one call of a function below, which is one transaction and one round trip.
-- Guarantees (docs/architecture/execution-engine.md): a worker writes only under the epoch it claimed; event numbers are
-- contiguous; a commit whose answer was lost is applied once; a budget is never exceeded.

-- Reserves the upper bound of a call's cost at every level that has a budget, or says why not. Locks the budgets in the
-- order of their ids, so that two calls never wait for each other crosswise.
CREATE OR REPLACE FUNCTION muster_reserve(
  p_call uuid, p_user uuid, p_squad uuid, p_execution uuid,
  p_input_cost bigint, p_output_price bigint, p_max_tokens integer, p_min_tokens integer
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  b record;
  granted integer := p_max_tokens;
  room bigint;
  amount bigint;
  found_any boolean := false;
BEGIN
  FOR b IN
    SELECT id, level, limit_nano_usd, reserved_nano_usd, period, period_start,
           CASE WHEN period = 'month' AND period_start < date_trunc('month', now() AT TIME ZONE 'UTC')::date
                THEN 0 ELSE spent_nano_usd END AS spent
    FROM budgets
    WHERE (level, scope_id) IN (('execution', p_execution), ('squad', p_squad), ('instance', p_user))
    ORDER BY id FOR UPDATE
  LOOP
    found_any := true;
    IF p_input_cost IS NULL OR p_output_price IS NULL THEN
      RETURN jsonb_build_object('outcome', 'price_unknown', 'level', b.level);
    END IF;
    room := b.limit_nano_usd - b.spent - b.reserved_nano_usd - p_input_cost;
    IF room < 0 THEN
      granted := -1;
    ELSIF p_output_price > 0 THEN
      granted := LEAST(granted, LEAST(room / p_output_price, p_max_tokens)::integer);
    END IF;
    IF granted < LEAST(p_min_tokens, p_max_tokens) THEN
      RETURN jsonb_build_object('outcome', 'budget_exceeded', 'level', b.level,
        'limitNanoUsd', b.limit_nano_usd, 'spentNanoUsd', b.spent + b.reserved_nano_usd);
    END IF;
  END LOOP;
  IF NOT found_any THEN
    RETURN jsonb_build_object('outcome', 'granted', 'maxOutputTokens', granted, 'reserved', NULL);
  END IF;
  amount := p_input_cost + granted::bigint * p_output_price;
  WITH rolled AS (
    UPDATE budgets SET
      spent_nano_usd = CASE WHEN period = 'month' AND period_start < date_trunc('month', now() AT TIME ZONE 'UTC')::date
                            THEN 0 ELSE spent_nano_usd END,
      period_start = CASE WHEN period = 'month' THEN date_trunc('month', now() AT TIME ZONE 'UTC')::date ELSE period_start END,
      reserved_nano_usd = reserved_nano_usd + amount
    WHERE (level, scope_id) IN (('execution', p_execution), ('squad', p_squad), ('instance', p_user))
    RETURNING id, period_start
  )
  INSERT INTO budget_reservations (id, budget_id, llm_call_id, amount_nano_usd, period_start)
  SELECT gen_random_uuid(), id, p_call, amount, period_start FROM rolled;
  RETURN jsonb_build_object('outcome', 'granted', 'maxOutputTokens', granted, 'reserved', amount);
END $$;

-- Turns the reservations of a call into spending; counts once however often it is called. Returns the budgets that
-- passed 80 % for the first time (in this period), for a warning.
CREATE OR REPLACE FUNCTION muster_settle(p_call uuid, p_cost bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  warnings jsonb;
BEGIN
  -- The same lock order as muster_reserve; calls in batches come after the budgets.
  PERFORM 1 FROM budgets
    WHERE id IN (SELECT budget_id FROM budget_reservations WHERE llm_call_id = p_call) ORDER BY id FOR UPDATE;
  PERFORM muster_keep_hold(p_call, p_cost);
  WITH gone AS (
    DELETE FROM budget_reservations WHERE llm_call_id = p_call RETURNING budget_id, amount_nano_usd
  ), settled AS (
    UPDATE budgets b SET
      reserved_nano_usd = b.reserved_nano_usd - gone.amount_nano_usd,
      -- A provider that counts more input than Muster's upper bound cannot be refused afterwards: the bill keeps the
      -- truth, the budget is then simply used up.
      spent_nano_usd = LEAST(b.spent_nano_usd + COALESCE(p_cost, gone.amount_nano_usd),
                             b.limit_nano_usd - (b.reserved_nano_usd - gone.amount_nano_usd)),
      updated_at = now(),
      warned_at = CASE
        WHEN (b.warned_at IS NULL OR (b.period = 'month' AND b.warned_at < date_trunc('month', now())))
          AND (b.spent_nano_usd + COALESCE(p_cost, gone.amount_nano_usd)) * 5 >= b.limit_nano_usd * 4
        THEN clock_timestamp() ELSE b.warned_at END
    FROM gone WHERE b.id = gone.budget_id
    RETURNING b.level, b.spent_nano_usd, b.limit_nano_usd, b.warned_at >= now() AS warn
  )
  SELECT jsonb_agg(jsonb_build_object('level', level, 'spentNanoUsd', spent_nano_usd, 'limitNanoUsd', limit_nano_usd))
    INTO warnings FROM settled WHERE warn;
  RETURN warnings;
END $$;

-- Events given as {type, data} in the form in which they are stored.
CREATE OR REPLACE FUNCTION muster_event_text(p_events jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT string_agg(jsonb_build_array(e->'type', e->'data')::text, ',' ORDER BY nth)
  FROM jsonb_array_elements(p_events) WITH ORDINALITY AS v(e, nth)
$$;

-- Applies batches of a worker, each of another execution, in one transaction (group commit); one answer per batch, in
-- order. See src/worker/journal-batch.ts for the shape of a batch.
--
-- Each kind of change is one statement for all batches: starting a statement costs more than the rows that it writes. Its
-- plan is made once and must hold while the tables grow from nothing, so rows are always found by a list of their keys: a
-- join would be planned for the small table and read all of it ever after.
DROP FUNCTION IF EXISTS muster_commit_one(jsonb);
CREATE OR REPLACE FUNCTION muster_commit(p_docs jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
  d jsonb;
  c jsonb;
  x record;
  v_at timestamptz := clock_timestamp();
  v_ids uuid[] := ARRAY(SELECT (e->>'executionId')::uuid FROM jsonb_array_elements(p_docs) e);
  v_answers jsonb[] := array_fill(jsonb '{"outcome": "fenced"}', ARRAY[jsonb_array_length(p_docs)]);
  v_place integer;
  v_begin jsonb;
  v_result jsonb;
  v_warnings jsonb;
  v_close jsonb;
  v_status text;
  -- Kinds of changes that one of the batches has.
  v_steps boolean := false;
  v_starts boolean := false;
  v_messages boolean := false;
  v_ends boolean := false;
  v_begins boolean := false;
  v_tool_begins boolean := false;
  v_tool_ends boolean := false;
  v_step_ends boolean := false;
  v_closes boolean := false;
  -- Of a kind of change: the keys, and beside them what is written.
  v_keys uuid[];
  v_items jsonb[];
  v_found integer;
  v_budgets boolean := false;
  v_started uuid[];
  -- The batches that are applied, beside what the rows of their executions say.
  a_doc jsonb[] := '{}';
  a_place integer[] := '{}';
  a_id uuid[] := '{}';
  a_user uuid[] := '{}';
  a_squad uuid[] := '{}';
  a_task uuid[] := '{}';
  a_lane text[] := '{}';
  a_epoch integer[] := '{}';
  a_seq bigint[] := '{}';
  -- What the executions have cost until now, with what was billed beside their journals.
  a_total bigint[] := '{}';
  a_cancel boolean[] := '{}';
  a_pause boolean[] := '{}';
  -- What they add up to.
  a_calls integer[] := '{}';
  a_in bigint[] := '{}';
  a_out bigint[] := '{}';
  a_cost bigint[] := '{}';
  a_incomplete boolean[] := '{}';
  a_progress boolean[] := '{}';
  a_count integer[] := '{}';
  a_body text[] := '{}';
  v_in bigint;
  v_out bigint;
  v_cost bigint;
  v_incomplete boolean;
  v_progress boolean;
  v_calls integer;
  v_count integer;
  v_body text;
  -- Events that only the database can know of; they come after the batch's own and are told to the writer.
  v_extra jsonb;
  a_extra jsonb[] := '{}';
  -- Calls that are granted.
  g_call jsonb[] := '{}';
  g_id uuid[] := '{}';
  g_epoch integer[] := '{}';
  g_max integer[] := '{}';
  g_reserved bigint[] := '{}';
BEGIN
  IF cardinality(v_ids) > 1 AND (SELECT count(DISTINCT id) FROM unnest(v_ids) AS i(id)) < cardinality(v_ids) THEN
    -- Two of one execution (one of a claim that is over): one after the other.
    FOR d IN SELECT value FROM jsonb_array_elements(p_docs) LOOP
      RETURN QUERY SELECT * FROM muster_commit(jsonb_build_array(d));
    END LOOP;
    RETURN;
  END IF;

  -- Every commit takes its locks in the same order: executions, then budgets, each by id.
  FOR x IN
    SELECT id, user_id, squad_id, task_id, epoch, status, commit_no, last_seq, cost_nano_usd, cancel_requested_at IS NOT NULL AS cancel,
      pause_requested_at IS NOT NULL AS pause, lane
    FROM task_executions WHERE id = ANY (v_ids) ORDER BY id FOR NO KEY UPDATE
  LOOP
    v_place := array_position(v_ids, x.id);
    d := p_docs->(v_place - 1);
    CONTINUE WHEN x.epoch <> (d->>'epoch')::integer;
    IF x.commit_no >= (d->>'commitNo')::integer THEN
      -- This batch was applied, only its answer was lost: tell again what it said.
      SELECT COALESCE(jsonb_agg(COALESCE(
        (SELECT jsonb_build_object('id', l.id, 'outcome', 'granted', 'maxOutputTokens', l.max_output_tokens, 'reserved', l.reserved_nano_usd)
           FROM llm_calls l WHERE l.id = (b->>'id')::uuid),
        jsonb_build_object('id', b->>'id', 'outcome', 'stop', 'reason', 'answer_lost'))), '[]'::jsonb) INTO v_begin
      FROM jsonb_array_elements(d->'begin') b;
      v_answers[v_place] := jsonb_build_object('outcome', 'ok', 'repeated', true, 'lastSeq', x.last_seq, 'at', v_at, 'begin', v_begin,
        'costNanoUsd', x.cost_nano_usd, 'cancel', x.cancel, 'pause', x.pause, 'extra', '[]'::jsonb);
      CONTINUE;
    END IF;
    CONTINUE WHEN x.status <> 'running';
    v_steps := v_steps OR d ? 'steps';
    v_starts := v_starts OR d ? 'stepStarts';
    v_messages := v_messages OR d ? 'messages';
    v_ends := v_ends OR d ? 'ends';
    v_begins := v_begins OR d ? 'begin';
    v_tool_begins := v_tool_begins OR d ? 'toolBegins';
    v_tool_ends := v_tool_ends OR d ? 'toolEnds';
    v_step_ends := v_step_ends OR d ? 'stepEnds';
    v_closes := v_closes OR d ? 'close';
    a_doc := a_doc || d;
    a_place := a_place || v_place;
    a_id := a_id || x.id;
    a_user := a_user || x.user_id;
    a_squad := a_squad || x.squad_id;
    a_task := a_task || x.task_id;
    a_lane := a_lane || x.lane;
    a_epoch := a_epoch || x.epoch;
    a_seq := a_seq || x.last_seq;
    a_total := a_total || x.cost_nano_usd;
    a_cancel := a_cancel || x.cancel;
    a_pause := a_pause || x.pause;
  END LOOP;
  IF cardinality(a_id) = 0 THEN
    RETURN QUERY SELECT unnest(v_answers);
    RETURN;
  END IF;
  IF v_begins OR v_ends THEN
    PERFORM 1 FROM budgets b WHERE b.id = ANY (ARRAY(
        SELECT i.id FROM budgets i WHERE i.level = 'execution' AND i.scope_id = ANY (a_id)
        UNION ALL SELECT q.id FROM budgets q WHERE q.level = 'squad' AND q.scope_id = ANY (a_squad)
        UNION ALL SELECT u.id FROM budgets u WHERE u.level = 'instance' AND u.scope_id = ANY (a_user)
      )) ORDER BY b.id FOR UPDATE;
    v_budgets := FOUND;
  END IF;

  IF v_steps THEN
    -- A step that begins in the batch that plans it is written once, as running.
    WITH new AS (
      INSERT INTO execution_steps (id, execution_id, key, kind, ordinal, title, member_id, depends_on, done_criterion,
        status, attempt, started_at)
      SELECT (s->>'id')::uuid, a.id, s->>'key', s->>'kind', (s->>'ordinal')::integer, s->>'title', (s->>'memberId')::uuid,
        ARRAY(SELECT jsonb_array_elements_text(s->'dependsOn')), s->>'doneCriterion',
        CASE WHEN n.starts THEN 'running' ELSE 'pending' END, n.starts::integer, CASE WHEN n.starts THEN v_at END
      FROM unnest(a_doc, a_id) AS a(doc, id) CROSS JOIN LATERAL jsonb_array_elements(a.doc->'steps') s
        CROSS JOIN LATERAL (SELECT COALESCE(a.doc->'stepStarts' ? (s->>'id'), false)) AS n(starts)
      ON CONFLICT (execution_id, key) DO NOTHING
      RETURNING id, status
    )
    SELECT array_agg(id) INTO v_started FROM new WHERE status = 'running';
  END IF;
  IF v_starts THEN
    v_keys := ARRAY(SELECT s::uuid FROM unnest(a_doc) AS a(doc) CROSS JOIN LATERAL jsonb_array_elements_text(a.doc->'stepStarts') s
                    WHERE s::uuid <> ALL (COALESCE(v_started, '{}')));
    IF cardinality(v_keys) > 0 THEN
      UPDATE execution_steps SET status = 'running', attempt = attempt + 1, started_at = COALESCE(started_at, v_at)
      WHERE id = ANY (v_keys);
    END IF;
  END IF;

  IF v_messages THEN
    INSERT INTO agent_messages (id, task_execution_id, step_id, member_id, role, status, model, content, tool_calls, input_tokens, output_tokens, created_at)
    SELECT (m->>'id')::uuid, a.id, (m->>'stepId')::uuid, (m->>'memberId')::uuid, m->>'role', m->>'status', m->>'model', m->>'content',
      NULLIF(m->'toolCalls', 'null'::jsonb), (m->>'inputTokens')::integer, (m->>'outputTokens')::integer, v_at
    FROM unnest(a_doc, a_id) AS a(doc, id) CROSS JOIN LATERAL jsonb_array_elements(a.doc->'messages') m
    ON CONFLICT (id) DO NOTHING;
  END IF;

  IF v_ends THEN
    SELECT array_agg((e->>'id')::uuid), array_agg(e) INTO v_keys, v_items
    FROM unnest(a_doc) AS a(doc) CROSS JOIN LATERAL jsonb_array_elements(a.doc->'ends') e;
    -- Where the call has a bill, that says how it went (cache, times): it is not repeated here.
    UPDATE llm_calls l SET (state, provider, model, input_tokens, cache_result, response, error, trimmed, attempts, latency_ms,
        time_to_first_token_ms, rate_wait_ms, ended_at) = (
      SELECT e->>'state', e->>'provider', e->>'model', (e->>'inputTokens')::integer, n.own->>'cacheResult',
        NULLIF(e->'response', 'null'::jsonb), e->>'error', NULLIF(e->'trimmed', 'null'::jsonb), (e->>'attempts')::integer,
        (n.own->>'latencyMs')::integer, (n.own->>'timeToFirstTokenMs')::integer, (n.own->>'rateWaitMs')::integer, v_at
      FROM (SELECT v_items[array_position(v_keys, l.id)] AS e OFFSET 0) i
        CROSS JOIN LATERAL (SELECT CASE WHEN NOT e ? 'usageId' THEN e END AS own) n)
    WHERE l.id = ANY (v_keys) AND l.state = 'started';
    GET DIAGNOSTICS v_found = ROW_COUNT;
    IF v_found < cardinality(v_keys) THEN
      -- A cache hit was never begun: it has no intent because it had no effect.
      INSERT INTO llm_calls (id, execution_id, step_id, key, epoch, state, message_id, provider, model, input_tokens,
        max_output_tokens, cache_result, response, error, trimmed, attempts, latency_ms, time_to_first_token_ms, rate_wait_ms, ended_at)
      SELECT (e->>'id')::uuid, a.id, (e->>'stepId')::uuid, e->>'key', a.epoch, e->>'state', (e->>'messageId')::uuid,
        e->>'provider', e->>'model', (e->>'inputTokens')::integer, 0, e->>'cacheResult', NULLIF(e->'response', 'null'::jsonb),
        e->>'error', NULLIF(e->'trimmed', 'null'::jsonb), (e->>'attempts')::integer, (e->>'latencyMs')::integer,
        (e->>'timeToFirstTokenMs')::integer, (e->>'rateWaitMs')::integer, v_at
      FROM unnest(a_doc, a_id, a_epoch) AS a(doc, id, epoch) CROSS JOIN LATERAL jsonb_array_elements(a.doc->'ends') e
      ON CONFLICT (id) DO NOTHING;
    END IF;
    INSERT INTO llm_usage (id, user_id, squad_id, member_id, execution_id, llm_call_id, provider, model, account_id, lane,
      outcome, cache_result, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
      estimated, cost_nano_usd, saved_nano_usd, latency_ms, time_to_first_token_ms, rate_wait_ms, at)
    SELECT (e->>'usageId')::uuid, a.user_id, a.squad_id, (e->>'memberId')::uuid, a.id, (e->>'id')::uuid, e->>'provider',
      e->>'model', (e->>'accountId')::uuid, a.lane, e->>'state', COALESCE(e->>'cacheResult', 'bypass'),
      (e->>'inputTokens')::integer, (e->>'cacheReadTokens')::integer, (e->>'cacheWriteTokens')::integer,
      (e->>'outputTokens')::integer, (e->>'reasoningTokens')::integer, (e->>'estimated')::boolean,
      (e->>'costNanoUsd')::bigint, (e->>'savedNanoUsd')::bigint, (e->>'latencyMs')::integer,
      (e->>'timeToFirstTokenMs')::integer, (e->>'rateWaitMs')::integer, v_at
    FROM unnest(a_doc, a_id, a_user, a_squad, a_lane) AS a(doc, id, user_id, squad_id, lane)
      CROSS JOIN LATERAL jsonb_array_elements(a.doc->'ends') e
    WHERE e ? 'usageId'
    ON CONFLICT (id) DO NOTHING;
  END IF;

  IF v_tool_begins THEN
    INSERT INTO tool_calls (id, execution_id, step_id, key, epoch, member_id, tool, class, arguments, state)
    SELECT (t->>'id')::uuid, a.id, (t->>'stepId')::uuid, t->>'key', a.epoch, (t->>'memberId')::uuid, t->>'tool', t->>'class',
      t->>'arguments', 'started'
    FROM unnest(a_doc, a_id, a_epoch) AS a(doc, id, epoch) CROSS JOIN LATERAL jsonb_array_elements(a.doc->'toolBegins') t
    ON CONFLICT (execution_id, step_id, key) DO UPDATE SET epoch = EXCLUDED.epoch, state = 'started';
  END IF;
  IF v_tool_ends THEN
    SELECT array_agg((e->>'id')::uuid), array_agg(e) INTO v_keys, v_items
    FROM unnest(a_doc) AS a(doc) CROSS JOIN LATERAL jsonb_array_elements(a.doc->'toolEnds') e;
    UPDATE tool_calls t SET (state, result, ended_at) = (
      SELECT e->>'state', e->>'result', v_at FROM (SELECT v_items[array_position(v_keys, t.id)] AS e OFFSET 0) i)
    WHERE t.id = ANY (v_keys) AND t.state = 'started';
  END IF;

  IF v_step_ends THEN
    SELECT array_agg((e->>'id')::uuid), array_agg(e) INTO v_keys, v_items
    FROM unnest(a_doc) AS a(doc) CROSS JOIN LATERAL jsonb_array_elements(a.doc->'stepEnds') e;
    UPDATE execution_steps t SET (status, output_message_id, data, error, ended_at) = (
      SELECT e->>'status', (e->>'outputMessageId')::uuid, NULLIF(e->'data', 'null'::jsonb), e->>'error', v_at
      FROM (SELECT v_items[array_position(v_keys, t.id)] AS e OFFSET 0) i)
    WHERE t.id = ANY (v_keys);
  END IF;

  -- What was used is settled before anything is reserved.
  FOR i IN 1 .. cardinality(a_id) LOOP
    d := a_doc[i];
    v_in := 0; v_out := 0; v_cost := 0; v_incomplete := false; v_progress := d ? 'stepEnds'; v_extra := '[]';
    IF d ? 'ends' THEN
      FOR c IN SELECT value FROM jsonb_array_elements(d->'ends') LOOP
        v_progress := v_progress OR c->>'state' = 'done';
        IF c ? 'usageId' THEN
          v_in := v_in + (c->>'inputTokens')::bigint;
          v_out := v_out + (c->>'outputTokens')::bigint;
          v_cost := v_cost + COALESCE((c->>'costNanoUsd')::bigint, 0);
          v_incomplete := v_incomplete OR (c->>'costNanoUsd') IS NULL;
        END IF;
        CONTINUE WHEN NOT (c->>'reserved')::boolean;
        v_warnings := muster_settle((c->>'id')::uuid, (c->>'settleNanoUsd')::bigint);
        CONTINUE WHEN v_warnings IS NULL;
        v_extra := v_extra || (SELECT jsonb_agg(jsonb_build_object('type', 'budget-warning', 'data', w))
                               FROM jsonb_array_elements(v_warnings) w);
        INSERT INTO notifications (id, user_id, kind, title, body, execution_id)
        SELECT muster_uuidv7(), a_user[i], 'budget_warning', 'The budget of the ' || (w->>'level') || ' is 80 % used',
          'Raise it before it stops the work: calls that it does not cover are not made.', a_id[i]
        FROM jsonb_array_elements(v_warnings) w;
      END LOOP;
    END IF;
    a_in := a_in || v_in;
    a_out := a_out || v_out;
    a_cost := a_cost || v_cost;
    a_incomplete := a_incomplete || v_incomplete;
    a_progress := a_progress || v_progress;
    a_extra := a_extra || v_extra;
  END LOOP;

  FOR i IN 1 .. cardinality(a_id) LOOP
    d := a_doc[i];
    v_begin := '[]';
    v_calls := 0;
    -- The batch's events in their stored form, packed by the worker, and how many they are.
    v_body := d#>>'{packed,body}';
    v_count := COALESCE((d#>>'{packed,count}')::integer, 0);
    IF d ? 'events' THEN
      -- A worker of the version before sends them as they are.
      v_body := concat_ws(',', v_body, muster_event_text(d->'events'));
      v_count := v_count + jsonb_array_length(d->'events');
    END IF;
    IF a_extra[i] <> '[]'::jsonb THEN
      v_body := concat_ws(',', v_body, muster_event_text(a_extra[i]));
      v_count := v_count + jsonb_array_length(a_extra[i]);
    END IF;
    IF d ? 'begin' THEN
      FOR c IN SELECT value FROM jsonb_array_elements(d->'begin') LOOP
        IF a_cancel[i] THEN
          v_result := jsonb_build_object('outcome', 'stop', 'reason', 'cancel');
        ELSIF a_pause[i] THEN
          v_result := jsonb_build_object('outcome', 'stop', 'reason', 'pause');
        ELSIF NOT v_budgets THEN
          v_result := jsonb_build_object('outcome', 'granted', 'maxOutputTokens', (c->>'maxOutputTokens')::integer, 'reserved', NULL);
        ELSE
          -- A further attempt of the same call (retry, fallback) gives its former reservation back first.
          IF (c->>'attempt')::integer > 1 THEN
            PERFORM muster_settle((c->>'id')::uuid, COALESCE((c->>'spentNanoUsd')::bigint, 0));
          END IF;
          IF a_lane[i] = 'economy' AND (c->>'attempt')::integer = 1 THEN
            v_result := muster_reserve_again((c->>'id')::uuid, ARRAY(
                SELECT l.id FROM llm_calls l
                WHERE l.execution_id = a_id[i] AND l.step_id = (c->>'stepId')::uuid AND l.key = c->>'key'),
              a_user[i], a_squad[i], a_id[i], (c->>'inputCostNanoUsd')::bigint,
              (c->>'outputNanoUsdPerToken')::bigint, (c->>'maxOutputTokens')::integer, (c->>'minOutputTokens')::integer);
          ELSE
            v_result := muster_reserve((c->>'id')::uuid, a_user[i], a_squad[i], a_id[i], (c->>'inputCostNanoUsd')::bigint,
              (c->>'outputNanoUsdPerToken')::bigint, (c->>'maxOutputTokens')::integer, (c->>'minOutputTokens')::integer);
          END IF;
        END IF;
        IF v_result->>'outcome' = 'granted' THEN
          g_call := g_call || c;
          g_id := g_id || a_id[i];
          g_epoch := g_epoch || a_epoch[i];
          g_max := g_max || (v_result->>'maxOutputTokens')::integer;
          -- With what former attempts cost: should this one be lost, the bill holds both.
          g_reserved := g_reserved || ((v_result->>'reserved')::bigint + COALESCE((c->>'spentInAllNanoUsd')::bigint, 0));
          IF c ? 'packed' THEN
            v_body := concat_ws(',', v_body, NULLIF(c#>>'{packed,body}', ''));
            v_count := v_count + (c#>>'{packed,count}')::integer;
          ELSIF c->'events' <> '[]'::jsonb THEN
            v_body := concat_ws(',', v_body, muster_event_text(c->'events'));
            v_count := v_count + jsonb_array_length(c->'events');
          END IF;
          IF (c->>'attempt')::integer = 1 THEN v_calls := v_calls + 1; END IF;
        END IF;
        v_begin := v_begin || (v_result || jsonb_build_object('id', c->>'id'));
      END LOOP;
    END IF;
    v_close := d->'close';
    IF v_close ? 'packed' THEN
      v_body := concat_ws(',', v_body, NULLIF(v_close#>>'{packed,body}', ''));
      v_count := v_count + (v_close#>>'{packed,count}')::integer;
    ELSIF v_close->'events' <> '[]'::jsonb THEN
      v_body := concat_ws(',', v_body, muster_event_text(v_close->'events'));
      v_count := v_count + jsonb_array_length(v_close->'events');
    END IF;
    a_calls := a_calls || v_calls;
    a_count := a_count || v_count;
    a_body := a_body || v_body;
    v_answers[a_place[i]] := jsonb_build_object('outcome', 'ok', 'lastSeq', a_seq[i] + v_count, 'at', v_at, 'begin', v_begin,
      'costNanoUsd', a_total[i] + a_cost[i], 'cancel', a_cancel[i], 'pause', a_pause[i], 'extra', a_extra[i]);
  END LOOP;

  IF cardinality(g_id) > 0 THEN
    INSERT INTO llm_calls (id, execution_id, step_id, key, epoch, state, message_id, provider, model, input_tokens,
      max_output_tokens, reserved_nano_usd, attempts)
    SELECT (g.call->>'id')::uuid, g.id, (g.call->>'stepId')::uuid, g.call->>'key', g.epoch, 'started', (g.call->>'messageId')::uuid,
      g.call->>'provider', g.call->>'model', (g.call->>'inputTokens')::integer, g.max, g.reserved, (g.call->>'attempt')::integer
    FROM unnest(g_call, g_id, g_epoch, g_max, g_reserved) AS g(call, id, epoch, max, reserved)
    ON CONFLICT (id) DO UPDATE SET provider = EXCLUDED.provider, model = EXCLUDED.model, attempts = EXCLUDED.attempts,
      max_output_tokens = EXCLUDED.max_output_tokens, reserved_nano_usd = EXCLUDED.reserved_nano_usd;
  END IF;

  INSERT INTO execution_event_batches (execution_id, last_seq, at, events, ids, body)
  SELECT a.id, a.seq + a.count, v_at, a.count, COALESCE((a.doc->>'ids')::uuid[], '{}'), '[' || a.body || ']'
  FROM unnest(a_id, a_seq, a_count, a_doc, a_body) AS a(id, seq, count, doc, body) WHERE a.count > 0;

  -- Those that a batch closes are written below.
  v_keys := ARRAY(SELECT a.id FROM unnest(a_id, a_doc) AS a(id, doc) WHERE NOT a.doc ? 'close');
  IF cardinality(v_keys) > 0 THEN
    UPDATE task_executions t SET (commit_no, last_seq, llm_calls, tool_calls, input_tokens, output_tokens, cost_nano_usd,
        cost_incomplete, claims_without_progress) = (
      SELECT (a_doc[i]->>'commitNo')::integer, t.last_seq + a_count[i], t.llm_calls + a_calls[i],
        t.tool_calls + COALESCE(jsonb_array_length(a_doc[i]->'toolBegins'), 0), t.input_tokens + a_in[i],
        t.output_tokens + a_out[i], t.cost_nano_usd + a_cost[i], t.cost_incomplete OR a_incomplete[i],
        CASE WHEN a_progress[i] THEN 0 ELSE t.claims_without_progress END
      FROM (SELECT array_position(a_id, t.id) AS i OFFSET 0) p)
    WHERE t.id = ANY (v_keys);
  END IF;

  IF v_closes THEN
    FOR i IN 1 .. cardinality(a_id) LOOP
      d := a_doc[i];
      v_close := d->'close';
      CONTINUE WHEN v_close IS NULL;
      v_status := v_close->>'status';
      IF v_status IN ('completed', 'failed', 'cancelled', 'budget_exceeded') THEN
        UPDATE execution_steps SET status = CASE WHEN v_status = 'failed' THEN 'failed' ELSE 'cancelled' END, ended_at = v_at
          WHERE execution_id = a_id[i] AND status = 'running';
        UPDATE tasks SET status = CASE v_status WHEN 'budget_exceeded' THEN 'failed' ELSE v_status END, updated_at = v_at
          WHERE id = a_task[i];
      END IF;
      IF v_close ? 'notification' THEN
        INSERT INTO notifications (id, user_id, kind, title, body, execution_id)
        VALUES ((v_close->'notification'->>'id')::uuid, a_user[i], v_close->'notification'->>'kind',
          v_close->'notification'->>'title', COALESCE(v_close->'notification'->>'body', ''), a_id[i])
        ON CONFLICT (id) DO NOTHING;
      END IF;
      UPDATE task_executions SET
        commit_no = (d->>'commitNo')::integer,
        last_seq = last_seq + a_count[i],
        llm_calls = llm_calls + a_calls[i],
        tool_calls = tool_calls + COALESCE(jsonb_array_length(d->'toolBegins'), 0),
        input_tokens = input_tokens + a_in[i],
        output_tokens = output_tokens + a_out[i],
        cost_nano_usd = cost_nano_usd + a_cost[i],
        cost_incomplete = cost_incomplete OR a_incomplete[i],
        status = v_status,
        end_reason = v_close->>'endReason',
        error = v_close->>'error',
        result_message_id = COALESCE((v_close->>'resultMessageId')::uuid, result_message_id),
        worked_ms = worked_ms + GREATEST(0, (extract(epoch FROM v_at - running_since) * 1000)::bigint),
        running_since = NULL,
        worker_id = NULL,
        claims_without_progress = CASE WHEN v_status <> 'queued' OR a_progress[i] THEN 0 ELSE GREATEST(0, claims_without_progress - 1) END,
        queued_at = CASE WHEN v_status = 'queued' THEN v_at ELSE queued_at END,
        pause_requested_at = CASE WHEN v_status = 'queued' THEN pause_requested_at END,
        cancel_requested_at = CASE WHEN v_status = 'queued' THEN cancel_requested_at END,
        ended_at = CASE WHEN v_status IN ('completed', 'failed', 'cancelled', 'budget_exceeded') THEN v_at END
      WHERE id = a_id[i];
    END LOOP;
  END IF;
  RETURN QUERY SELECT unnest(v_answers);
END $$;

-- Books the calls of an execution that no worker will end any more (its last one failed before it could) as lost: what was
-- shown is kept, the reservation is settled in full. Returns the events for readers. The caller holds the row's lock.
CREATE OR REPLACE FUNCTION muster_lose_calls(p_execution uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  c record;
  v_events jsonb := '[]'::jsonb;
  v_reason constant text := 'The worker that received it failed.';
BEGIN
  FOR c IN
    UPDATE llm_calls l SET state = 'lost', error = v_reason, ended_at = clock_timestamp()
    FROM task_executions t
    WHERE t.id = p_execution AND l.execution_id = t.id AND l.state = 'started'
    -- What stands in a provider's batch is booked when its answer comes.
    RETURNING l.id, l.step_id, l.message_id, l.provider, l.model, l.input_tokens,
      CASE WHEN t.lane = 'economy' AND EXISTS (
        SELECT FROM llm_economy_calls e
        WHERE e.execution_id = t.id AND e.call_id = l.id
          AND (e.state IN ('waiting', 'submitted', 'done', 'failed') OR e.state = 'live' AND e.live_at IS NULL)
      ) THEN 0 ELSE l.reserved_nano_usd END AS reserved_nano_usd,
      t.user_id, t.squad_id, t.lane
  LOOP
    INSERT INTO agent_messages (id, task_execution_id, step_id, role, status, model, content)
    SELECT c.message_id, p_execution, c.step_id, 'assistant', 'reset', c.model, string_agg(e.data->>'text', '' ORDER BY e.seq)
    FROM execution_events e
    WHERE e.execution_id = p_execution AND e.type = 'message-delta' AND e.data->>'messageId' = c.message_id::text
    HAVING count(*) > 0
    ON CONFLICT (id) DO NOTHING;
    INSERT INTO llm_usage (id, user_id, squad_id, execution_id, llm_call_id, provider, model, lane, outcome, cache_result,
      input_tokens, output_tokens, estimated, cost_nano_usd)
    VALUES (muster_uuidv7(), c.user_id, c.squad_id, p_execution, c.id, c.provider, c.model, c.lane, 'lost', 'bypass',
      c.input_tokens, 0, true, c.reserved_nano_usd);
    UPDATE task_executions SET input_tokens = input_tokens + c.input_tokens,
      cost_nano_usd = cost_nano_usd + COALESCE(c.reserved_nano_usd, 0),
      cost_incomplete = cost_incomplete OR c.reserved_nano_usd IS NULL
    WHERE id = p_execution;
    PERFORM muster_settle(c.id, CASE WHEN c.reserved_nano_usd = 0 THEN 0 END);
    v_events := v_events || jsonb_build_object('type', 'message-reset',
      'data', jsonb_build_object('messageId', c.message_id, 'reason', v_reason));
  END LOOP;
  RETURN v_events;
END $$;

-- Appends events to an execution that no worker's batch carries (a user's action). The caller holds the row's lock.
CREATE OR REPLACE FUNCTION muster_append(p_execution uuid, p_events jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_last bigint;
BEGIN
  UPDATE task_executions SET last_seq = last_seq + jsonb_array_length(p_events) WHERE id = p_execution RETURNING last_seq INTO v_last;
  IF jsonb_array_length(p_events) > 0 THEN
    INSERT INTO execution_event_batches (execution_id, last_seq, at, events, ids, body)
    VALUES (p_execution, v_last, clock_timestamp(), jsonb_array_length(p_events), '{}', '[' || muster_event_text(p_events) || ']');
  END IF;
  RETURN v_last;
END $$;
