import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Whose statements are no part of a running server: commands, migrations, the data for tests. */
const elsewhere = /^src\/(cli|db)\/|\.test\.ts$/;

/**
 * The names of all statements in the source of the server; where a part of a name is worked out (`messages_page_${order}`), that
 * part is `*`. The gateway's stores have none in the source: their names come from their texts.
 */
export function statementNames(): string[] {
  const names = new Set<string>();
  for (const file of globSync("src/**/*.ts", { cwd: root })) {
    if (elsewhere.test(file)) continue;
    const text = readFileSync(root + file, "utf8");
    const places = [/\.query(?:<[^()]{0,300}?>)?\(\s*(["`])([^\n]+?)\1,/g, /\bname: (["`])([^\n]+?)\1,\s*text:/g];
    for (const place of places) {
      for (const [, , name = ""] of text.matchAll(place)) {
        const known = name.replace(/\$\{[^}]*\}/g, "*");
        if (/^[a-z0-9_*]+$/.test(known)) names.add(known);
      }
    }
  }
  return [...names].sort();
}

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Those that hot-queries.test.ts explains; it checks that it did. */
export const plannedInHotQueries = words(`
  api_key_find budget_read events_after execution_detail execution_owned executions_list_ executions_list_sx executions_list_w
  executions_list_x executions_newest llm_calls_page messages_page_asc
  messages_page_asc_step messages_page_asc_step_words messages_page_asc_words messages_page_desc messages_page_desc_step
  messages_page_desc_step_words messages_page_desc_words notifications_list notifications_unread
  projects_list projects_list_search session_find squad_read squads_list squads_list_search
  squads_list_status task_read tasks_list_project_id_status_priority tasks_list_squad_id_status tasks_list_squad_id_status_priority
  usage_by_day usage_by_member usage_by_model usage_by_squad usage_list usage_list_after usage_spend usage_total user_read`);

/** Those that hot-writes.test.ts runs under EXPLAIN; it checks that it did. */
export const plannedInHotWrites = words(`
  api_key_create api_key_revoke avatar_put avatar_sweep budget_remove budget_set_execution cache_notify changed_tasks
  conversation_create conversation_delete deferred_call_cancel deferred_calls_sweep execution_append
  execution_cancel_now execution_load_calls execution_load_pauses execution_load_steps execution_load_tools
  execution_lock execution_lose_calls execution_pause_now execution_requeue idempotency_call_begin
  idempotency_call_end idempotency_call_free idempotency_call_read maintenance_compacted maintenance_deltas
  maintenance_journal maintenance_messages maintenance_ranges maintenance_turn project_create project_delete
  project_delete_check project_update provider_account_create provider_account_delete provider_account_read
  provider_account_update queue_bury queue_claim_one session_close session_open sign_in_try_take squad_budget_delete
  squad_by_slug squad_create squad_delete squad_delete_check squad_lead_clear squad_lock squad_member_avatar
  squad_member_remove squad_members_drop squad_members_put squad_slugs_taken squad_touch squad_update
  task_attachment_remove task_attachments_create task_create task_delete task_delete_check task_lock task_update
  task_update_targets usage_roll_begin usage_slice user_avatar user_by_email user_update web_vitals_record`);

/** Names whose plan is not tested, by the reason. */
export const coldStatements: Record<string, string[]> = {
  "a person or an invitation by its key, when somebody joins, leaves or changes a password": words(`
    user_password sessions_end_others invitation_create invitation_withdraw invitation_accept member_create person_remove
    user_lock`),
  "tables of people: asked on the owner's own page, or of an empty installation": words(`
    people_list invitations_list auth_state owner_find owner_local owner_take_over owner_create owner_create_local
    user_find_by_email claim_code_issue claim_lock claim_close`),
  "the one row of an installation, or no table at all": words(`
    settings_read settings_update ready idempotency_savepoint idempotency_rollback usage_roll_end`),
  "one thing of a user by its key, when nothing said which": words(`
    project_first project_create_first project_by_name project_create_named notifications_read batch_jobs_cancel`),
  "one thing by its key, read by itself": words(`
    project_read task_attachment_read squad_slugs squad_member_read provider_accounts_open provider_account_open
    conversation_read tool_call_read file_version_call batch_jobs_read avatar_read attachment_content`),
  "counts a list whose page was empty, as the list itself does": words("*_total budgets_count projects_count*"),
  "one execution by its key, when its user steers it while it runs": words(`
    execution_cancel_request execution_pause_request execution_unpause execution_waiting_step execution_approve`),
  "parts of one execution by its key, once when it is taken up again after a crash": words(
    "execution_load_partials execution_load_deferred",
  ),
  "one execution by its key, when a worker gives up": words("queue_release"),
  "the days that are over, once each; what it writes is tested by its own": words("usage_roll"),
  "a measurement that somebody asks for now and then": words("web_vitals_summary"),
  "the end of one deferred call, by its key": words("deferred_call_book"),
};
