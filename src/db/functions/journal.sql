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
  -- The same lock order as muster_reserve.
  PERFORM 1 FROM budgets
    WHERE id IN (SELECT budget_id FROM budget_reservations WHERE llm_call_id = p_call) ORDER BY id FOR UPDATE;
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

-- Applies one batch of a worker to one execution. See src/worker/journal-batch.ts for the shape of `d`.
CREATE OR REPLACE FUNCTION muster_commit_one(d jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  x record;
  c jsonb;
  v_id uuid := (d->>'executionId')::uuid;
  v_no integer := (d->>'commitNo')::integer;
  v_at timestamptz := clock_timestamp();
  -- The batch's events in their stored form, packed by the worker, and how many they are.
  v_body text := d#>>'{packed,body}';
  v_count integer := COALESCE((d#>>'{packed,count}')::integer, 0);
  v_begin jsonb := '[]'::jsonb;
  -- Events that only the database can know of; they come after the batch's own and are told to the writer.
  v_extra jsonb := '[]'::jsonb;
  v_result jsonb;
  v_warnings jsonb;
  v_calls integer := 0;
  v_in bigint := 0;
  v_out bigint := 0;
  v_cost bigint := 0;
  v_incomplete boolean := false;
  v_progress boolean := false;
  v_close jsonb := d->'close';
  v_status text := v_close->>'status';
  v_starts boolean;
  v_started text[] := '{}';
  v_key text;
BEGIN
  SELECT id, user_id, squad_id, task_id, epoch, status, commit_no, last_seq, cancel_requested_at, pause_requested_at, lane,
         cost_nano_usd
    INTO x FROM task_executions WHERE id = v_id FOR NO KEY UPDATE;
  IF NOT FOUND OR x.epoch <> (d->>'epoch')::integer THEN
    RETURN jsonb_build_object('outcome', 'fenced');
  END IF;
  IF x.commit_no >= v_no THEN
    -- This batch was applied, only its answer was lost: tell again what it said.
    IF d ? 'begin' THEN
      SELECT jsonb_agg(COALESCE(
        (SELECT jsonb_build_object('id', l.id, 'outcome', 'granted', 'maxOutputTokens', l.max_output_tokens, 'reserved', l.reserved_nano_usd)
           FROM llm_calls l WHERE l.id = (b->>'id')::uuid),
        jsonb_build_object('id', b->>'id', 'outcome', 'stop', 'reason', 'answer_lost'))) INTO v_begin
      FROM jsonb_array_elements(d->'begin') b;
    END IF;
    RETURN jsonb_build_object('outcome', 'ok', 'repeated', true, 'lastSeq', x.last_seq, 'at', v_at, 'begin', v_begin,
      'cancel', x.cancel_requested_at IS NOT NULL, 'pause', x.pause_requested_at IS NOT NULL, 'extra', '[]'::jsonb);
  END IF;
  IF x.status <> 'running' THEN
    RETURN jsonb_build_object('outcome', 'fenced');
  END IF;

  IF d ? 'steps' THEN
    -- A step that begins in the batch that plans it is written once, as running.
    FOR c IN SELECT value FROM jsonb_array_elements(d->'steps') LOOP
      v_starts := COALESCE(d->'stepStarts' ? (c->>'id'), false);
      INSERT INTO execution_steps (id, execution_id, key, kind, ordinal, title, member_id, depends_on, done_criterion,
        status, attempt, started_at)
      VALUES ((c->>'id')::uuid, v_id, c->>'key', c->>'kind', (c->>'ordinal')::integer, c->>'title', (c->>'memberId')::uuid,
        ARRAY(SELECT jsonb_array_elements_text(c->'dependsOn')), c->>'doneCriterion',
        CASE WHEN v_starts THEN 'running' ELSE 'pending' END, v_starts::integer, CASE WHEN v_starts THEN v_at END)
      ON CONFLICT (execution_id, key) DO NOTHING;
      IF FOUND AND v_starts THEN v_started := v_started || (c->>'id'); END IF;
    END LOOP;
  END IF;

  -- Row by row, by their keys: joined with the list, a plan made while the table was small would read all of it for ever.
  IF d ? 'stepStarts' THEN
    FOR v_key IN SELECT value FROM jsonb_array_elements_text(d->'stepStarts') LOOP
      CONTINUE WHEN v_key = ANY (v_started);
      UPDATE execution_steps t SET status = 'running', attempt = t.attempt + 1, started_at = COALESCE(t.started_at, v_at)
        WHERE t.id = v_key::uuid;
    END LOOP;
  END IF;

  IF d ? 'messages' THEN
    INSERT INTO agent_messages (id, task_execution_id, step_id, member_id, role, status, model, content, tool_calls, input_tokens, output_tokens, created_at)
    SELECT m.id, v_id, m."stepId", m."memberId", m.role, m.status, m.model, m.content, m."toolCalls", m."inputTokens", m."outputTokens", v_at
    FROM jsonb_to_recordset(d->'messages') AS m(id uuid, "stepId" uuid, "memberId" uuid, role text, status text, model text,
      content text, "toolCalls" jsonb, "inputTokens" integer, "outputTokens" integer)
    ON CONFLICT (id) DO NOTHING;
  END IF;

  IF d ? 'ends' THEN
    FOR c IN SELECT value FROM jsonb_array_elements(d->'ends') LOOP
      UPDATE llm_calls SET state = c->>'state', provider = c->>'provider', model = c->>'model',
        input_tokens = (c->>'inputTokens')::integer, cache_result = c->>'cacheResult', response = NULLIF(c->'response', 'null'::jsonb),
        error = c->>'error', trimmed = NULLIF(c->'trimmed', 'null'::jsonb), attempts = (c->>'attempts')::integer,
        latency_ms = (c->>'latencyMs')::integer, time_to_first_token_ms = (c->>'timeToFirstTokenMs')::integer,
        rate_wait_ms = (c->>'rateWaitMs')::integer, ended_at = v_at
        WHERE id = (c->>'id')::uuid AND state = 'started';
      IF NOT FOUND THEN
        -- A cache hit was never begun: it has no intent because it had no effect.
        INSERT INTO llm_calls (id, execution_id, step_id, key, epoch, state, message_id, provider, model, input_tokens,
          max_output_tokens, cache_result, response, error, trimmed, attempts, latency_ms, time_to_first_token_ms, rate_wait_ms, ended_at)
        VALUES ((c->>'id')::uuid, v_id, (c->>'stepId')::uuid, c->>'key', x.epoch, c->>'state', (c->>'messageId')::uuid,
          c->>'provider', c->>'model', (c->>'inputTokens')::integer, 0, c->>'cacheResult', NULLIF(c->'response', 'null'::jsonb),
          c->>'error', NULLIF(c->'trimmed', 'null'::jsonb), (c->>'attempts')::integer, (c->>'latencyMs')::integer,
          (c->>'timeToFirstTokenMs')::integer, (c->>'rateWaitMs')::integer, v_at)
        ON CONFLICT (id) DO NOTHING;
      END IF;
      IF c ? 'usageId' THEN
        INSERT INTO llm_usage (id, user_id, squad_id, member_id, execution_id, llm_call_id, provider, model, account_id, lane,
          outcome, cache_result, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
          estimated, cost_nano_usd, saved_nano_usd, latency_ms, time_to_first_token_ms, rate_wait_ms, at)
        VALUES ((c->>'usageId')::uuid, x.user_id, x.squad_id, (c->>'memberId')::uuid, v_id, (c->>'id')::uuid, c->>'provider',
          c->>'model', (c->>'accountId')::uuid, x.lane, c->>'state', COALESCE(c->>'cacheResult', 'bypass'),
          (c->>'inputTokens')::integer, (c->>'cacheReadTokens')::integer, (c->>'cacheWriteTokens')::integer,
          (c->>'outputTokens')::integer, (c->>'reasoningTokens')::integer, (c->>'estimated')::boolean,
          (c->>'costNanoUsd')::bigint, (c->>'savedNanoUsd')::bigint, (c->>'latencyMs')::integer,
          (c->>'timeToFirstTokenMs')::integer, (c->>'rateWaitMs')::integer, v_at)
        ON CONFLICT (id) DO NOTHING;
        v_in := v_in + (c->>'inputTokens')::bigint;
        v_out := v_out + (c->>'outputTokens')::bigint;
        v_cost := v_cost + COALESCE((c->>'costNanoUsd')::bigint, 0);
        v_incomplete := v_incomplete OR (c->>'costNanoUsd') IS NULL;
      END IF;
      IF (c->>'reserved')::boolean THEN
        v_warnings := muster_settle((c->>'id')::uuid, (c->>'settleNanoUsd')::bigint);
        IF v_warnings IS NOT NULL THEN
          v_extra := v_extra || (SELECT jsonb_agg(jsonb_build_object('type', 'budget-warning', 'data', w))
                                 FROM jsonb_array_elements(v_warnings) w);
          INSERT INTO notifications (id, user_id, kind, title, body, execution_id)
          SELECT gen_random_uuid(), x.user_id, 'budget_warning', 'The budget of the ' || (w->>'level') || ' is 80 % used',
            'Raise it before it stops the work: calls that it does not cover are not made.', v_id
          FROM jsonb_array_elements(v_warnings) w;
        END IF;
      END IF;
      v_progress := v_progress OR c->>'state' = 'done';
    END LOOP;
  END IF;

  IF d ? 'toolBegins' THEN
    INSERT INTO tool_calls (id, execution_id, step_id, key, epoch, member_id, tool, class, arguments, state)
    SELECT t.id, v_id, t."stepId", t.key, x.epoch, t."memberId", t.tool, t.class, t.arguments, 'started'
    FROM jsonb_to_recordset(d->'toolBegins') AS t(id uuid, "stepId" uuid, key text, "memberId" uuid, tool text, class text, arguments text)
    ON CONFLICT (execution_id, step_id, key) DO UPDATE SET epoch = EXCLUDED.epoch, state = 'started';
  END IF;
  IF d ? 'toolEnds' THEN
    FOR c IN SELECT value FROM jsonb_array_elements(d->'toolEnds') LOOP
      UPDATE tool_calls t SET state = c->>'state', result = c->>'result', ended_at = v_at
        WHERE t.id = (c->>'id')::uuid AND t.state = 'started';
    END LOOP;
  END IF;

  IF d ? 'stepEnds' THEN
    FOR c IN SELECT value FROM jsonb_array_elements(d->'stepEnds') LOOP
      UPDATE execution_steps t SET status = c->>'status', output_message_id = (c->>'outputMessageId')::uuid,
        data = NULLIF(c->'data', 'null'::jsonb), error = c->>'error', ended_at = v_at
        WHERE t.id = (c->>'id')::uuid;
    END LOOP;
    v_progress := true;
  END IF;

  -- A worker of the version before sends them as they are.
  IF d ? 'events' THEN
    v_body := concat_ws(',', v_body, muster_event_text(d->'events'));
    v_count := v_count + jsonb_array_length(d->'events');
  END IF;
  IF v_extra <> '[]'::jsonb THEN
    v_body := concat_ws(',', v_body, muster_event_text(v_extra));
    v_count := v_count + jsonb_array_length(v_extra);
  END IF;

  IF d ? 'begin' THEN
    FOR c IN SELECT value FROM jsonb_array_elements(d->'begin') LOOP
      IF x.cancel_requested_at IS NOT NULL THEN
        v_result := jsonb_build_object('outcome', 'stop', 'reason', 'cancel');
      ELSIF x.pause_requested_at IS NOT NULL THEN
        v_result := jsonb_build_object('outcome', 'stop', 'reason', 'pause');
      ELSE
        -- A further attempt of the same call (retry, fallback) gives its former reservation back first.
        IF (c->>'attempt')::integer > 1 THEN
          PERFORM muster_settle((c->>'id')::uuid, COALESCE((c->>'spentNanoUsd')::bigint, 0));
        END IF;
        v_result := muster_reserve((c->>'id')::uuid, x.user_id, x.squad_id, v_id, (c->>'inputCostNanoUsd')::bigint,
          (c->>'outputNanoUsdPerToken')::bigint, (c->>'maxOutputTokens')::integer, (c->>'minOutputTokens')::integer);
      END IF;
      IF v_result->>'outcome' = 'granted' THEN
        INSERT INTO llm_calls (id, execution_id, step_id, key, epoch, state, message_id, provider, model, input_tokens,
          max_output_tokens, reserved_nano_usd, attempts)
        VALUES ((c->>'id')::uuid, v_id, (c->>'stepId')::uuid, c->>'key', x.epoch, 'started', (c->>'messageId')::uuid,
          c->>'provider', c->>'model', (c->>'inputTokens')::integer, (v_result->>'maxOutputTokens')::integer,
          -- With what former attempts cost: should this one be lost, the bill holds both.
          (v_result->>'reserved')::bigint + COALESCE((c->>'spentInAllNanoUsd')::bigint, 0), (c->>'attempt')::integer)
        ON CONFLICT (id) DO UPDATE SET provider = EXCLUDED.provider, model = EXCLUDED.model, attempts = EXCLUDED.attempts,
          max_output_tokens = EXCLUDED.max_output_tokens, reserved_nano_usd = EXCLUDED.reserved_nano_usd;
        IF c ? 'packed' THEN
          v_body := concat_ws(',', v_body, c#>>'{packed,body}');
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

  IF v_close IS NOT NULL THEN
    IF v_close ? 'packed' THEN
      v_body := concat_ws(',', v_body, v_close#>>'{packed,body}');
      v_count := v_count + (v_close#>>'{packed,count}')::integer;
    ELSIF v_close->'events' <> '[]'::jsonb THEN
      v_body := concat_ws(',', v_body, muster_event_text(v_close->'events'));
      v_count := v_count + jsonb_array_length(v_close->'events');
    END IF;
    IF v_close->>'status' IN ('completed', 'failed', 'cancelled', 'budget_exceeded') THEN
      UPDATE execution_steps SET status = CASE WHEN v_close->>'status' = 'failed' THEN 'failed' ELSE 'cancelled' END, ended_at = v_at
        WHERE execution_id = v_id AND status = 'running';
      UPDATE tasks SET status = CASE v_close->>'status' WHEN 'budget_exceeded' THEN 'failed' ELSE v_close->>'status' END, updated_at = v_at
        WHERE id = x.task_id;
    END IF;
    IF v_close ? 'notification' THEN
      INSERT INTO notifications (id, user_id, kind, title, body, execution_id)
      VALUES ((v_close->'notification'->>'id')::uuid, x.user_id, v_close->'notification'->>'kind',
        v_close->'notification'->>'title', COALESCE(v_close->'notification'->>'body', ''), v_id)
      ON CONFLICT (id) DO NOTHING;
    END IF;
  END IF;

  IF v_count > 0 THEN
    INSERT INTO execution_event_batches (execution_id, last_seq, at, events, ids, body)
    VALUES (v_id, x.last_seq + v_count, v_at, v_count, COALESCE((d->>'ids')::uuid[], '{}'), '[' || v_body || ']');
  END IF;

  IF v_close IS NULL THEN
    UPDATE task_executions SET
      commit_no = v_no,
      last_seq = last_seq + v_count,
      llm_calls = llm_calls + v_calls,
      tool_calls = tool_calls + COALESCE(jsonb_array_length(d->'toolBegins'), 0),
      input_tokens = input_tokens + v_in,
      output_tokens = output_tokens + v_out,
      cost_nano_usd = cost_nano_usd + v_cost,
      cost_incomplete = cost_incomplete OR v_incomplete,
      claims_without_progress = CASE WHEN v_progress THEN 0 ELSE claims_without_progress END
    WHERE id = v_id;
  ELSE
    UPDATE task_executions SET
      commit_no = v_no,
      last_seq = last_seq + v_count,
      llm_calls = llm_calls + v_calls,
      tool_calls = tool_calls + COALESCE(jsonb_array_length(d->'toolBegins'), 0),
      input_tokens = input_tokens + v_in,
      output_tokens = output_tokens + v_out,
      cost_nano_usd = cost_nano_usd + v_cost,
      cost_incomplete = cost_incomplete OR v_incomplete,
      status = v_status,
      end_reason = v_close->>'endReason',
      error = v_close->>'error',
      result_message_id = COALESCE((v_close->>'resultMessageId')::uuid, result_message_id),
      worked_ms = worked_ms + GREATEST(0, (extract(epoch FROM v_at - running_since) * 1000)::bigint),
      running_since = NULL,
      worker_id = NULL,
      claims_without_progress = CASE WHEN v_status <> 'queued' OR v_progress THEN 0 ELSE GREATEST(0, claims_without_progress - 1) END,
      queued_at = CASE WHEN v_status = 'queued' THEN v_at ELSE queued_at END,
      pause_requested_at = CASE WHEN v_status = 'queued' THEN pause_requested_at END,
      cancel_requested_at = CASE WHEN v_status = 'queued' THEN cancel_requested_at END,
      ended_at = CASE WHEN v_status IN ('completed', 'failed', 'cancelled', 'budget_exceeded') THEN v_at END
    WHERE id = v_id;
  END IF;

  RETURN jsonb_build_object('outcome', 'ok', 'lastSeq', x.last_seq + v_count, 'at', v_at, 'begin', v_begin,
    'cancel', x.cancel_requested_at IS NOT NULL, 'pause', x.pause_requested_at IS NOT NULL,
    'extra', v_extra);
END $$;

-- Applies the batches of several executions in one transaction (group commit); one answer per batch, in order.
CREATE OR REPLACE FUNCTION muster_commit(p_docs jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE
  d jsonb;
  v_ids uuid[];
BEGIN
  IF jsonb_array_length(p_docs) > 1 THEN
    -- Every batch of several takes its locks in the same order, executions first, then budgets.
    v_ids := ARRAY(SELECT (e->>'executionId')::uuid FROM jsonb_array_elements(p_docs) e ORDER BY 1);
    PERFORM 1 FROM task_executions WHERE id = ANY (v_ids) ORDER BY id FOR NO KEY UPDATE;
    IF p_docs @? '$[*] ? (exists(@.begin) || exists(@.ends[*] ? (@.reserved == true)))' THEN
      PERFORM 1 FROM budgets WHERE (level = 'execution' AND scope_id = ANY (v_ids))
        OR (level = 'squad' AND scope_id = ANY (ARRAY(SELECT squad_id FROM task_executions WHERE id = ANY (v_ids))))
        OR (level = 'instance' AND scope_id = ANY (ARRAY(SELECT user_id FROM task_executions WHERE id = ANY (v_ids))))
        ORDER BY id FOR UPDATE;
    END IF;
  END IF;
  FOR d IN SELECT value FROM jsonb_array_elements(p_docs) LOOP
    RETURN NEXT muster_commit_one(d);
  END LOOP;
END $$;

-- Takes up to p_limit queued executions for a worker. Rows that another claims at the same moment are skipped. What has
-- been claimed twice without progress may be what kills its workers: its last try is made beside no other such
-- execution of the worker, so that only the one to blame is given up and its neighbours come off with their lives.
DROP FUNCTION IF EXISTS muster_claim(uuid, integer);
CREATE FUNCTION muster_claim(p_worker uuid, p_limit integer)
RETURNS TABLE (id uuid, epoch integer, claims integer, was text, wait_ms float8) LANGUAGE sql AS $$
  WITH next AS (
    SELECT t.id FROM task_executions t WHERE t.status = 'queued' AND t.queued_at <= clock_timestamp()
      AND (t.claims_without_progress <> 2 OR t.id = (
        SELECT s.id FROM task_executions s
        WHERE s.status = 'queued' AND s.queued_at <= clock_timestamp() AND s.claims_without_progress = 2
          AND NOT EXISTS (SELECT 1 FROM task_executions r
                          WHERE r.worker_id = p_worker AND r.status = 'running' AND r.claims_without_progress = 3)
        ORDER BY s.queued_at, s.id LIMIT 1))
    ORDER BY t.queued_at, t.id
    LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
  )
  UPDATE task_executions t SET status = 'running', epoch = t.epoch + 1, commit_no = 0, worker_id = p_worker,
    claims_without_progress = t.claims_without_progress + 1, running_since = clock_timestamp(),
    started_at = COALESCE(t.started_at, clock_timestamp())
  FROM next WHERE t.id = next.id
  RETURNING t.id, t.epoch, t.claims_without_progress, 'queued', extract(epoch FROM clock_timestamp() - t.queued_at)::float8 * 1000
$$;

-- Takes over running executions whose worker holds no lease any more, and those that name this worker but have left it
-- (p_active are the ones it works; a claim of the last seconds may not be among them yet). Suspects one by one, as above.
DROP FUNCTION IF EXISTS muster_claim_orphans(uuid, integer);
CREATE OR REPLACE FUNCTION muster_claim_orphans(p_worker uuid, p_limit integer, p_active uuid[])
RETURNS TABLE (id uuid, epoch integer, claims integer, was text) LANGUAGE sql AS $$
  WITH next AS (
    SELECT t.id FROM task_executions t
    WHERE t.status = 'running' AND (
      NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = t.worker_id)
      OR (t.worker_id = p_worker AND t.id <> ALL (p_active) AND t.running_since < clock_timestamp() - interval '5 seconds'))
      AND (t.claims_without_progress <> 2 OR t.id = (
        SELECT s.id FROM task_executions s
        WHERE s.status = 'running' AND s.claims_without_progress = 2
          AND (NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = s.worker_id)
            OR (s.worker_id = p_worker AND s.id <> ALL (p_active) AND s.running_since < clock_timestamp() - interval '5 seconds'))
          AND NOT EXISTS (SELECT 1 FROM task_executions r
                          WHERE r.worker_id = p_worker AND r.status = 'running' AND r.claims_without_progress = 3)
        ORDER BY s.queued_at, s.id LIMIT 1))
    LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
  )
  UPDATE task_executions t SET epoch = t.epoch + 1, commit_no = 0, worker_id = p_worker,
    claims_without_progress = t.claims_without_progress + 1,
    worked_ms = t.worked_ms + GREATEST(0, (extract(epoch FROM clock_timestamp() - t.running_since) * 1000)::bigint),
    running_since = clock_timestamp()
  FROM next WHERE t.id = next.id
  RETURNING t.id, t.epoch, t.claims_without_progress, 'running'
$$;

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
        WHERE e.execution_id = t.id AND e.call_id = l.id AND e.state IN ('waiting', 'submitted', 'done', 'failed')
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
    VALUES (gen_random_uuid(), c.user_id, c.squad_id, p_execution, c.id, c.provider, c.model, c.lane, 'lost', 'bypass',
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
