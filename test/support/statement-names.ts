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
  squads_list_status task_read tasks_list_project_id_status_priority tasks_list_squad_id_status
  usage_by_day usage_by_member usage_by_model usage_by_squad usage_list usage_list_after usage_spend usage_total user_read`);

/** Names whose plan is not tested, by the reason. */
export const coldStatements: Record<string, string[]> = {
  "a person, a session or a key by its key, when somebody signs in, joins or changes a credential": words(`
    session_open session_close user_by_email user_password user_update sessions_end_others invitation_create
    invitation_withdraw invitation_accept member_create person_remove api_key_create api_key_revoke sign_in_try_take
    user_lock`),
  "tables of people: asked on the owner's own page, or of an empty installation": words(`
    people_list invitations_list auth_state owner_find owner_local owner_take_over owner_create owner_create_local
    user_find_by_email claim_code_issue claim_lock claim_close`),
  "the one row of an installation, or no table at all": words(`
    settings_read settings_update ready cache_notify idempotency_savepoint idempotency_rollback maintenance_turn usage_roll_begin
    usage_roll_end`),
  "one thing of a user by its key, when the user writes it; how many statements that takes: http-write-statements.test.ts":
    words(`
    task_update_targets task_update task_delete_check task_delete task_attachment_remove task_create task_lock
    task_attachments_create project_first project_create_first project_create project_update project_delete_check
    project_delete project_by_name project_create_named squad_create squad_update squad_lock squad_members_put
    squad_members_drop squad_member_remove squad_touch squad_lead_clear squad_slugs_taken squad_delete_check
    squad_budget_delete squad_delete provider_account_create provider_account_update provider_account_delete
    conversation_create conversation_delete budget_remove budget_set_execution notifications_read user_avatar
    squad_member_avatar avatar_put deferred_call_cancel batch_jobs_cancel`),
  "one thing by its key, read by itself": words(`
    project_read task_attachment_read squad_by_slug squad_slugs squad_member_read provider_account_read
    provider_accounts_open provider_account_open conversation_read tool_call_read file_version_call batch_jobs_read
    avatar_read attachment_content`),
  "counts a list whose page was empty": words("*_total budgets_count projects_count*"),
  "one execution by its key, when its user steers it": words(`
    execution_lock execution_lose_calls execution_append execution_cancel_request execution_cancel_now
    execution_pause_request execution_pause_now execution_requeue execution_unpause execution_waiting_step
    execution_approve`),
  "parts of one execution by its key, once when it is taken up again after a crash": words(`
    execution_load_steps execution_load_calls execution_load_tools execution_load_pauses execution_load_partials
    execution_load_deferred`),
  "one execution by its key, when a worker stops or gives up": words("queue_release queue_claim_one queue_bury"),
  "one answer by the key of its request, of calls that name one": words(`
    idempotency_call_begin idempotency_call_read idempotency_call_free idempotency_call_end`),
  "housekeeping by one process every some minutes, in slices": words(`
    maintenance_deltas maintenance_messages maintenance_compacted maintenance_ranges maintenance_journal usage_roll
    avatar_sweep deferred_calls_sweep`),
  "exports and measurements that somebody asks for now and then": words(
    "usage_slice web_vitals_record web_vitals_summary",
  ),
  "the end of one deferred call, by its key": words("deferred_call_book"),
  "rows named by their ids, for those who watch them": words("changed_tasks"),
};
