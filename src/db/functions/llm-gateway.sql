-- What the LLM gateway (src/llm) keeps for its plain calls: slices of budgets and of rate limits that processes lease, so
-- that no call waits for a disk and no limit is passed by any number of processes.

-- Reserves a slice of the budgets that bind a plain call (the squad's and the user's), or says why not. Slices of
-- processes that died are settled as lost on the way. A slice's rows carry its id as process_id.
CREATE OR REPLACE FUNCTION muster_lease_block(
  p_block uuid, p_user uuid, p_squad uuid, p_min bigint, p_want bigint, p_seconds integer
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  b record;
  slice bigint := p_want;
  room bigint;
  month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
  found_any boolean := false;
BEGIN
  PERFORM 1 FROM budgets WHERE (level, scope_id) IN (('squad', p_squad), ('instance', p_user)) ORDER BY id FOR UPDATE;
  PERFORM muster_sweep_blocks(p_user, p_squad);
  FOR b IN
    SELECT id, level, limit_nano_usd, reserved_nano_usd,
           CASE WHEN period = 'month' AND period_start < month THEN 0 ELSE spent_nano_usd END AS spent
    FROM budgets WHERE (level, scope_id) IN (('squad', p_squad), ('instance', p_user)) ORDER BY id
  LOOP
    found_any := true;
    room := b.limit_nano_usd - b.spent - b.reserved_nano_usd;
    IF room < p_min THEN
      RETURN jsonb_build_object('outcome', 'budget_exceeded', 'level', b.level,
        'limitNanoUsd', b.limit_nano_usd, 'spentNanoUsd', b.spent + b.reserved_nano_usd);
    END IF;
    -- Never all that is left: other processes want to work too.
    slice := LEAST(slice, GREATEST(p_min, room / 4));
  END LOOP;
  IF NOT found_any THEN
    RETURN jsonb_build_object('outcome', 'unlimited');
  END IF;
  WITH rolled AS (
    UPDATE budgets SET
      spent_nano_usd = CASE WHEN period = 'month' AND period_start < month THEN 0 ELSE spent_nano_usd END,
      period_start = CASE WHEN period = 'month' THEN month ELSE period_start END,
      reserved_nano_usd = reserved_nano_usd + slice
    WHERE (level, scope_id) IN (('squad', p_squad), ('instance', p_user))
    RETURNING id, period_start
  )
  INSERT INTO budget_reservations (id, budget_id, process_id, amount_nano_usd, period_start, expires_at)
  SELECT gen_random_uuid(), id, p_block, slice, period_start, now() + make_interval(secs => p_seconds) FROM rolled;
  RETURN jsonb_build_object('outcome', 'granted', 'amountNanoUsd', slice);
END $$;

-- Slices whose process did not renew them in time: what was open of them counts as spent (it may have been).
CREATE OR REPLACE FUNCTION muster_sweep_blocks(p_user uuid, p_squad uuid) RETURNS void LANGUAGE sql AS $$
  WITH dead AS (
    DELETE FROM budget_reservations r USING budgets b
    WHERE r.budget_id = b.id AND (b.level, b.scope_id) IN (('squad', p_squad), ('instance', p_user))
      AND r.process_id IS NOT NULL AND r.expires_at < now()
    RETURNING r.budget_id, r.amount_nano_usd, r.period_start
  ), sums AS (
    SELECT d.budget_id, sum(d.amount_nano_usd) AS amount,
           COALESCE(sum(d.amount_nano_usd) FILTER (WHERE d.period_start = b.period_start), 0) AS lost
    FROM dead d JOIN budgets b ON b.id = d.budget_id GROUP BY d.budget_id
  )
  UPDATE budgets b SET reserved_nano_usd = b.reserved_nano_usd - sums.amount, spent_nano_usd = b.spent_nano_usd + sums.lost,
    updated_at = now()
  FROM sums WHERE b.id = sums.budget_id
$$;

-- Books what was spent out of a slice since the last time and renews it, or gives its rest back. Warns once at 80 %.
CREATE OR REPLACE FUNCTION muster_settle_block(p_block uuid, p_spent bigint, p_close boolean, p_seconds integer)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM budgets
    WHERE id IN (SELECT budget_id FROM budget_reservations WHERE process_id = p_block) ORDER BY id FOR UPDATE;
  WITH slice AS (
    SELECT id, budget_id, period_start, CASE WHEN p_close THEN amount_nano_usd ELSE LEAST(amount_nano_usd, p_spent) END AS released
    FROM budget_reservations WHERE process_id = p_block
  ), kept AS (
    UPDATE budget_reservations r SET amount_nano_usd = r.amount_nano_usd - slice.released,
      spent_nano_usd = r.spent_nano_usd + p_spent, expires_at = now() + make_interval(secs => p_seconds)
    FROM slice WHERE r.id = slice.id AND NOT p_close
  ), gone AS (
    DELETE FROM budget_reservations r USING slice WHERE r.id = slice.id AND p_close
  ), settled AS (
    UPDATE budgets b SET
      reserved_nano_usd = b.reserved_nano_usd - slice.released,
      -- As in muster_settle: a provider that counts more than the upper bound uses the budget up, not over.
      spent_nano_usd = CASE WHEN slice.period_start = b.period_start
        THEN LEAST(b.spent_nano_usd + p_spent, b.limit_nano_usd - (b.reserved_nano_usd - slice.released))
        ELSE b.spent_nano_usd END,
      updated_at = now(),
      warned_at = CASE
        WHEN (b.warned_at IS NULL OR (b.period = 'month' AND b.warned_at < date_trunc('month', now())))
          AND (b.spent_nano_usd + p_spent) * 5 >= b.limit_nano_usd * 4
        THEN clock_timestamp() ELSE b.warned_at END
    FROM slice WHERE b.id = slice.budget_id
    RETURNING b.user_id, b.level, b.spent_nano_usd, b.limit_nano_usd, b.warned_at >= now() AS warn
  )
  INSERT INTO notifications (id, user_id, kind, title, body)
  SELECT muster_uuidv7(), user_id, 'budget_warning', 'The budget of the ' || level || ' is 80 % used',
    format('%s of %s US dollars are spent.', round(spent_nano_usd / 1e9, 2), round(limit_nano_usd / 1e9, 2))
  FROM settled WHERE warn;
END $$;

-- Locks the executions that rows of a bill belong to. Whoever locks budgets too calls this first, as in muster_commit:
-- executions, then budgets, each by id.
CREATE OR REPLACE FUNCTION muster_lock_billed(p_rows jsonb) RETURNS void LANGUAGE sql AS $$
  SELECT FROM task_executions WHERE id = ANY (ARRAY(
    SELECT (r->>'executionId')::uuid FROM jsonb_array_elements(p_rows) r WHERE r->>'executionId' IS NOT NULL
  )) ORDER BY id FOR NO KEY UPDATE
$$;

-- The bill of plain calls, in groups, and of what batches did for calls that had left them or were lost with them. A row
-- that is there already stays; rows of users who are gone are left out. The totals of an execution are the sum of its rows:
-- what is written here for one is added to them.
CREATE OR REPLACE FUNCTION muster_write_usage(p_rows jsonb) RETURNS void LANGUAGE sql AS $$
  SELECT muster_lock_billed(p_rows);
  WITH written AS (
    INSERT INTO llm_usage (id, user_id, squad_id, member_id, execution_id, provider, model, account_id, lane, outcome,
      cache_result, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, estimated,
      cost_nano_usd, saved_nano_usd, latency_ms, time_to_first_token_ms, rate_wait_ms, at)
    SELECT r.id, r."userId", r."squadId", r."memberId", r."executionId", r.provider, r.model, r."accountId", r.lane, r.outcome,
      r."cacheResult", r."inputTokens", r."cacheReadTokens", r."cacheWriteTokens", r."outputTokens", r."reasoningTokens",
      r.estimated, r."costNanoUsd", r."savedNanoUsd", r."latencyMs", r."timeToFirstTokenMs", r."rateWaitMs",
      to_timestamp(r."atMs" / 1000.0)
    FROM jsonb_to_recordset(p_rows) AS r(id uuid, "userId" uuid, "squadId" uuid, "memberId" uuid, "executionId" uuid,
      provider text, model text, "accountId" uuid, lane text, outcome text, "cacheResult" text, "inputTokens" integer,
      "cacheReadTokens" integer, "cacheWriteTokens" integer, "outputTokens" integer, "reasoningTokens" integer,
      estimated boolean, "costNanoUsd" bigint, "savedNanoUsd" bigint, "latencyMs" integer, "timeToFirstTokenMs" integer,
      "rateWaitMs" integer, "atMs" double precision)
    WHERE EXISTS (SELECT 1 FROM users u WHERE u.id = r."userId")
    ON CONFLICT (id) DO NOTHING
    RETURNING execution_id, input_tokens, output_tokens, cost_nano_usd
  )
  UPDATE task_executions t SET (input_tokens, output_tokens, cost_nano_usd, cost_incomplete) = (
    SELECT t.input_tokens + sum(w.input_tokens), t.output_tokens + sum(w.output_tokens),
      t.cost_nano_usd + COALESCE(sum(w.cost_nano_usd), 0), t.cost_incomplete OR bool_or(w.cost_nano_usd IS NULL)
    FROM written w WHERE w.execution_id = t.id)
  WHERE t.id = ANY (ARRAY(SELECT execution_id FROM written WHERE execution_id IS NOT NULL))
$$;

-- Takes up to p_want units of a sliding window. A block counts from now until p_counts_ms later; the answer's times are
-- milliseconds from now, so that no process needs the database's clock.
CREATE OR REPLACE FUNCTION muster_lease_rate(p_key text, p_limit integer, p_want integer, p_counts_ms integer)
RETURNS TABLE (lease_id uuid, granted integer, retry_in_ms double precision, paused_ms double precision) LANGUAGE plpgsql AS $$
DECLARE
  at timestamptz;
  used integer;
  pause timestamptz;
BEGIN
  -- The window is rebuilt within a minute: losing the last milliseconds of it in a crash of the machine is no breach,
  -- since nothing is running then.
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO llm_rate_windows (key) VALUES (p_key) ON CONFLICT DO NOTHING;
  SELECT w.paused_until INTO pause FROM llm_rate_windows w WHERE w.key = p_key FOR UPDATE;
  at := clock_timestamp();
  DELETE FROM llm_rate_leases l WHERE l.key = p_key AND l.counts_until <= at;
  SELECT COALESCE(sum(l.amount), 0) INTO used FROM llm_rate_leases l WHERE l.key = p_key;
  granted := GREATEST(0, LEAST(p_want, p_limit - used));
  IF granted > 0 THEN
    lease_id := gen_random_uuid();
    INSERT INTO llm_rate_leases (id, key, amount, counts_until)
    VALUES (lease_id, p_key, granted, at + make_interval(secs => p_counts_ms / 1000.0));
  END IF;
  SELECT extract(epoch FROM min(l.counts_until) - at) * 1000 INTO retry_in_ms
    FROM llm_rate_leases l WHERE l.key = p_key AND l.amount > 0;
  retry_in_ms := COALESCE(retry_in_ms, 0);
  paused_ms := GREATEST(0, COALESCE(extract(epoch FROM pause - at) * 1000, 0));
  RETURN NEXT;
END $$;

-- A batch may still answer a call that has left it. When such a call's reservation is settled, what the answer can cost at
-- most is kept out of it under an id of its own, until the batch has ended (muster_end_holds). So it is with an answer that
-- is there and was not taken (p_cost 0), until somebody takes it or nobody wants it any more (muster_drop_answer). The sum
-- of what is reserved stays the same, so that no budget can refuse it. The caller has locked the budgets.
DROP FUNCTION IF EXISTS muster_keep_hold(uuid);
CREATE OR REPLACE FUNCTION muster_keep_hold(p_call uuid, p_cost bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  c record;
  hold uuid;
BEGIN
  FOR c IN
    SELECT e.key, e.most_nano_usd FROM llm_economy_calls e JOIN llm_batches b ON b.id = e.llm_batch_id
    WHERE e.call_id = p_call AND e.hold_id IS NULL AND e.most_nano_usd > 0
      AND (e.state IN ('submitted', 'cancelled') AND b.state IN ('submitting', 'running', 'cancelling')
        OR e.state = 'done' AND p_cost = 0)
    ORDER BY e.key FOR UPDATE OF e
  LOOP
    hold := gen_random_uuid();
    INSERT INTO budget_reservations (id, budget_id, llm_call_id, amount_nano_usd, period_start)
    SELECT gen_random_uuid(), budget_id, hold, LEAST(amount_nano_usd, c.most_nano_usd), period_start
    FROM budget_reservations WHERE llm_call_id = p_call;
    IF FOUND THEN
      UPDATE budget_reservations SET amount_nano_usd = amount_nano_usd - LEAST(amount_nano_usd, c.most_nano_usd)
      WHERE llm_call_id = p_call;
      UPDATE llm_economy_calls SET hold_id = hold WHERE key = c.key;
    END IF;
  END LOOP;
END $$;

-- Reserves for a call that was asked before (p_former: under which ids). If its batch still has it, or has answered it, the
-- hold is what that costs: it becomes the reservation again, so that a budget which had room for the call once has it still.
CREATE OR REPLACE FUNCTION muster_reserve_again(
  p_call uuid, p_former uuid[], p_user uuid, p_squad uuid, p_execution uuid,
  p_input_cost bigint, p_output_price bigint, p_max_tokens integer, p_min_tokens integer
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  c record;
  tokens integer;
  answer jsonb;
BEGIN
  BEGIN
    FOR c IN
      SELECT key, hold_id, (request::json->>'maxOutputTokens')::integer AS tokens FROM llm_economy_calls
      WHERE call_id = ANY (p_former) AND hold_id IS NOT NULL AND state IN ('submitted', 'done') ORDER BY key FOR UPDATE
    LOOP
      -- Should it be answered another way after all, settling this call keeps the hold out again.
      UPDATE llm_economy_calls SET hold_id = NULL, call_id = p_call WHERE key = c.key;
      PERFORM muster_settle(c.hold_id, 0);
      tokens := LEAST(c.tokens, p_max_tokens);
    END LOOP;
    answer := muster_reserve(p_call, p_user, p_squad, p_execution, p_input_cost, p_output_price,
      COALESCE(tokens, p_max_tokens), COALESCE(tokens, p_min_tokens));
    IF tokens IS NOT NULL AND answer->>'outcome' <> 'granted' THEN
      -- The holds are to stand as they did.
      RAISE EXCEPTION USING ERRCODE = 'MU001';
    END IF;
  EXCEPTION WHEN SQLSTATE 'MU001' THEN
    NULL;
  END;
  RETURN answer;
END $$;

-- A deferred call's time is up. It goes live if every budget has room for its batch's answer beside the live one (whose
-- reservation it has already); if not it stays in its batch. Returns the state in which it is now.
CREATE OR REPLACE FUNCTION muster_economy_live(p_key text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  c record;
  hold uuid := gen_random_uuid();
  month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
BEGIN
  -- As everywhere: first the budgets, then the call.
  PERFORM 1 FROM budgets b JOIN llm_economy_calls e ON e.key = p_key
    AND (b.level, b.scope_id) IN (('execution', e.execution_id), ('squad', (e.booking->>'squadId')::uuid), ('instance', e.user_id))
    ORDER BY b.id FOR UPDATE OF b;
  SELECT state, hold_id, most_nano_usd, user_id, execution_id, booking INTO c FROM llm_economy_calls WHERE key = p_key FOR UPDATE;
  IF NOT FOUND OR c.state NOT IN ('waiting', 'submitted') THEN
    RETURN c.state;
  END IF;
  IF c.state = 'submitted' AND c.hold_id IS NULL AND c.most_nano_usd > 0 THEN
    WITH rolled AS (
      SELECT id, CASE WHEN period = 'month' AND period_start < month THEN 0 ELSE spent_nano_usd END AS spent,
        CASE WHEN period = 'month' THEN month ELSE period_start END AS starts
      FROM budgets
      WHERE (level, scope_id) IN (('execution', c.execution_id), ('squad', (c.booking->>'squadId')::uuid), ('instance', c.user_id))
    ), held AS (
      UPDATE budgets b SET spent_nano_usd = r.spent, period_start = r.starts, reserved_nano_usd = reserved_nano_usd + c.most_nano_usd
      FROM rolled r WHERE b.id = r.id AND NOT EXISTS (
        SELECT FROM budgets n JOIN rolled m ON m.id = n.id
        WHERE m.spent + n.reserved_nano_usd + c.most_nano_usd > n.limit_nano_usd)
      RETURNING b.id, b.period_start
    )
    INSERT INTO budget_reservations (id, budget_id, llm_call_id, amount_nano_usd, period_start)
    SELECT gen_random_uuid(), id, hold, c.most_nano_usd, period_start FROM held;
    IF FOUND THEN
      UPDATE llm_economy_calls SET hold_id = hold WHERE key = p_key;
    ELSIF EXISTS (
      SELECT FROM budgets
      WHERE (level, scope_id) IN (('execution', c.execution_id), ('squad', (c.booking->>'squadId')::uuid), ('instance', c.user_id))
    ) THEN
      RETURN c.state;
    END IF;
  END IF;
  UPDATE llm_economy_calls SET state = 'live' WHERE key = p_key;
  RETURN 'live';
END $$;

-- Locks the budgets that a batch's calls have something reserved against, before anything of the calls themselves.
CREATE OR REPLACE FUNCTION muster_lock_batch_budgets(p_batch uuid) RETURNS void LANGUAGE sql AS $$
  SELECT FROM budgets WHERE id = ANY (ARRAY(
    SELECT r.budget_id FROM llm_economy_calls e JOIN budget_reservations r ON r.llm_call_id = e.call_id WHERE e.llm_batch_id = p_batch
    UNION ALL
    SELECT r.budget_id FROM llm_economy_calls e JOIN budget_reservations r ON r.llm_call_id = e.hold_id WHERE e.llm_batch_id = p_batch
  )) ORDER BY id FOR UPDATE
$$;

-- The batch has ended, its calls have their outcomes: what it cost for calls that had left it (p_costs by key; absent:
-- nothing, null: all that was held) counts as spent, the rest is free again. Where an answer waits for its call to be asked
-- again its hold stays.
CREATE OR REPLACE FUNCTION muster_end_holds(p_batch uuid, p_costs jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  c record;
BEGIN
  PERFORM muster_lock_batch_budgets(p_batch);
  -- A call whose own reservation is still open (its process died): the hold is kept out of that first.
  PERFORM muster_keep_hold(call_id, NULL) FROM llm_economy_calls WHERE llm_batch_id = p_batch AND state = 'cancelled' AND hold_id IS NULL;
  FOR c IN
    SELECT key, hold_id FROM llm_economy_calls WHERE llm_batch_id = p_batch AND hold_id IS NOT NULL AND state <> 'done' ORDER BY key FOR UPDATE
  LOOP
    PERFORM muster_settle(c.hold_id, CASE WHEN p_costs ? c.key THEN (p_costs->>c.key)::bigint ELSE 0 END);
    UPDATE llm_economy_calls SET hold_id = NULL WHERE key = c.key;
  END LOOP;
END $$;

-- Nobody wants an answer that is there: what it cost counts as spent and stands on the bill, and it is forgotten.
CREATE OR REPLACE FUNCTION muster_drop_answer(p_key text, p_cost bigint, p_rows jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  hold uuid;
BEGIN
  PERFORM muster_lock_billed(p_rows);
  PERFORM 1 FROM budgets WHERE id IN (
    SELECT r.budget_id FROM llm_economy_calls e JOIN budget_reservations r ON r.llm_call_id = e.hold_id WHERE e.key = p_key
  ) ORDER BY id FOR UPDATE;
  DELETE FROM llm_economy_calls WHERE key = p_key AND state = 'done' AND hold_id IS NOT NULL RETURNING hold_id INTO hold;
  IF FOUND THEN
    PERFORM muster_settle(hold, p_cost);
    PERFORM muster_write_usage(p_rows);
  END IF;
END $$;

-- The batch can be followed no more, and nobody will tell what it cost: the most that it can cost, for the calls that still
-- waited for it (they fail) and for those that had left it, counts as spent; the bill says `lost` (p_rows). Nothing happens
-- when it has ended meanwhile.
DROP FUNCTION IF EXISTS muster_lose_batch(uuid, text);
CREATE OR REPLACE FUNCTION muster_lose_batch(p_batch uuid, p_error text, p_rows jsonb DEFAULT '[]') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  c record;
BEGIN
  PERFORM muster_lock_billed(p_rows);
  PERFORM muster_lock_batch_budgets(p_batch);
  PERFORM 1 FROM llm_batches WHERE id = p_batch AND state IN ('submitting', 'running', 'cancelling') FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  PERFORM muster_keep_hold(call_id, NULL) FROM llm_economy_calls WHERE llm_batch_id = p_batch AND state IN ('submitted', 'cancelled') AND hold_id IS NULL;
  FOR c IN
    SELECT key, hold_id FROM llm_economy_calls WHERE llm_batch_id = p_batch AND hold_id IS NOT NULL AND state <> 'done' ORDER BY key FOR UPDATE
  LOOP
    PERFORM muster_settle(c.hold_id, NULL);
    UPDATE llm_economy_calls SET hold_id = NULL WHERE key = c.key;
  END LOOP;
  PERFORM muster_write_usage(p_rows);
  UPDATE llm_economy_calls SET state = 'failed', result = p_error WHERE llm_batch_id = p_batch AND state = 'submitted';
  UPDATE llm_batches SET state = CASE WHEN state = 'cancelling' THEN 'cancelled' ELSE 'failed' END, error = p_error,
    ended_at = clock_timestamp() WHERE id = p_batch;
END $$;

-- Settles what a process left reserved for a deferred call. A live request that it left without a word counts as spent with
-- all of that, and the bill says `lost` (p_lost: provider, model, account and input tokens, where they are known); a call in
-- its batch, or answered by it, costs nothing more. The caller holds the row of the deferred call.
CREATE OR REPLACE FUNCTION muster_leave_deferred(p_call uuid, p_user uuid, p_lost jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  left_open bigint;
  was_live boolean;
BEGIN
  PERFORM 1 FROM budgets WHERE level = 'instance' AND scope_id = p_user FOR UPDATE;
  SELECT max(amount_nano_usd) INTO left_open FROM budget_reservations WHERE llm_call_id = p_call;
  -- Calls at providers without batches have no row there: they are live from the beginning.
  SELECT COALESCE(bool_or(live_at IS NOT NULL), left_open IS NOT NULL) INTO was_live FROM llm_economy_calls WHERE call_id = p_call;
  IF was_live THEN
    UPDATE llm_economy_calls SET live_at = NULL WHERE call_id = p_call AND live_at IS NOT NULL;
    INSERT INTO llm_usage (id, user_id, provider, model, account_id, lane, outcome, cache_result, input_tokens, output_tokens,
      estimated, cost_nano_usd)
    VALUES (muster_uuidv7(), p_user, COALESCE(p_lost->>'provider', 'unknown'), p_lost->>'model', (p_lost->>'accountId')::uuid,
      'economy', 'lost', 'bypass', COALESCE((p_lost->>'inputTokens')::integer, 0), 0, true, left_open);
  END IF;
  PERFORM muster_settle(p_call, CASE WHEN was_live THEN NULL ELSE 0 END);
END $$;

-- Deferred calls that were cancelled while no living process worked them: nobody else settles what is reserved for them.
CREATE OR REPLACE FUNCTION muster_sweep_deferred() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  c record;
BEGIN
  FOR c IN
    SELECT d.id, d.user_id, d.model FROM deferred_calls d
    WHERE d.id = ANY (ARRAY(SELECT llm_call_id FROM budget_reservations WHERE llm_call_id IS NOT NULL))
      AND d.state <> 'waiting' AND (d.held_until IS NULL OR d.held_until < clock_timestamp())
    ORDER BY d.id FOR NO KEY UPDATE SKIP LOCKED
  LOOP
    -- Should its process live after all, it has nothing to say any more.
    UPDATE deferred_calls SET holder = NULL WHERE id = c.id;
    PERFORM muster_leave_deferred(c.id, c.user_id, COALESCE(
      (SELECT jsonb_build_object('provider', e.provider, 'model', e.model, 'accountId', e.booking->>'accountId')
       FROM llm_economy_calls e WHERE e.call_id = c.id AND e.live_at IS NOT NULL LIMIT 1),
      jsonb_build_object('model', c.model)));
  END LOOP;
END $$;

-- Reserves for a deferred call on behalf of the process that works it (p_holder; another is told to stop).
DROP FUNCTION IF EXISTS muster_reserve_deferred(uuid, uuid, bigint, bigint, integer, integer);
CREATE OR REPLACE FUNCTION muster_reserve_deferred(
  p_call uuid, p_holder uuid, p_input_cost bigint, p_output_price bigint, p_max_tokens integer, p_min_tokens integer, p_lost jsonb
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  owner uuid;
BEGIN
  SELECT user_id INTO owner FROM deferred_calls WHERE id = p_call AND holder = p_holder FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'stop', 'reason', 'taken_over');
  END IF;
  PERFORM muster_leave_deferred(p_call, owner, p_lost);
  RETURN muster_reserve_again(p_call, ARRAY[p_call], owner, NULL, NULL, p_input_cost, p_output_price, p_max_tokens, p_min_tokens);
END $$;

-- Settles what is reserved for a deferred call and writes its bill, if the process still works it; what it cost otherwise is
-- counted as lost already.
DROP FUNCTION IF EXISTS muster_settle_deferred(uuid, bigint, jsonb);
CREATE OR REPLACE FUNCTION muster_settle_deferred(p_call uuid, p_holder uuid, p_cost bigint, p_rows jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM deferred_calls WHERE id = p_call AND holder = p_holder FOR NO KEY UPDATE;
  IF FOUND THEN
    PERFORM muster_settle(p_call, p_cost);
    PERFORM muster_write_usage(p_rows);
    UPDATE llm_economy_calls SET live_at = NULL WHERE call_id = p_call AND live_at IS NOT NULL;
  END IF;
END $$;
