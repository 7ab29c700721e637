-- An approval that was refused is an end of its own, not an invalid plan.
ALTER TABLE task_executions DROP CONSTRAINT task_executions_end_reason_check;
ALTER TABLE task_executions ADD CONSTRAINT task_executions_end_reason_check CHECK (end_reason IN ('done', 'cancelled_by_user', 'budget_exceeded', 'step_limit', 'llm_call_limit', 'tool_call_limit', 'time_limit', 'plan_invalid', 'approval_refused', 'step_failed', 'provider_failed', 'no_progress', 'internal_error'));
