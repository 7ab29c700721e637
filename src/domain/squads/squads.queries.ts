import {
  type BudgetState,
  defaultExecutionLimits,
  type ExecutionLimits,
  type Squad,
  type SquadListItem,
  type SquadListQuery,
  type SquadMember,
  type SquadMemberSummary,
  type SquadPage,
  type SquadProcess,
  type SquadStatus,
} from "#contracts";
import { likeAnywhere, offsetOf, offsetPage, type Queryable } from "#db";
import { budgetSpentSql } from "../budgets/budgets.queries.ts";
import type { Scope } from "../store.ts";
import { monthBySquadSql } from "../usage/roll-up-usage.ts";

interface SquadBaseRow {
  id: string;
  slug: string;
  name: string;
  status: SquadStatus;
  process: SquadProcess;
  goal: string;
  created_at: Date;
  updated_at: Date;
  budget: BudgetState | null;
}

/** Values without their names: a page has a hundred members, and to write and read the names cost more than the values. */
type MemberValues = [id: string, name: string, role: string, model: string, isLead: boolean, avatarKey: string | null];

interface SquadListRow extends SquadBaseRow {
  members: MemberValues[];
  live_executions: number;
  spent_month_nano_usd: number;
  spent_month_incomplete: boolean;
  total: number;
}

interface SquadRow extends SquadBaseRow {
  fallback_models: string[];
  require_approval: boolean;
  limits: Partial<ExecutionLimits>;
  members: SquadMember[];
}

const budgetJson = `(SELECT json_build_object('limitNanoUsd', b.limit_nano_usd, 'spentNanoUsd', ${budgetSpentSql("b")},
  'reservedNanoUsd', b.reserved_nano_usd, 'period', b.period) FROM budgets b WHERE b.level = 'squad' AND b.scope_id = s.id)`;

/**
 * The list's statement: squads of the page with their members, live executions, spend and budget, and the total. Live executions
 * and spend are summed up once for the user, not once for each squad.
 */
function listText(filters: string): string {
  return `WITH live AS MATERIALIZED (
      SELECT e.squad_id, count(*)::integer AS executions FROM task_executions e
      WHERE e.user_id = $1 AND e.status IN ('queued', 'running', 'paused', 'awaiting_approval') GROUP BY e.squad_id
    ), spend AS MATERIALIZED (${monthBySquadSql})
    SELECT s.id, s.slug, s.name, s.status, s.process, left(s.goal, 200) AS goal, s.created_at, s.updated_at,
      (SELECT count(*)::integer FROM squads s WHERE s.user_id = $1${filters}) AS total,
      ${budgetJson} AS budget,
      (SELECT COALESCE(json_agg(json_build_array(m.id, m.name, m.role, m.model, m.is_lead, m.avatar_key)
         ORDER BY m.position, m.id), '[]'::json)
       FROM squad_members m WHERE m.squad_id = s.id) AS members,
      COALESCE((SELECT live.executions FROM live WHERE live.squad_id = s.id), 0) AS live_executions,
      COALESCE(spend.cost_nano_usd, 0) AS spent_month_nano_usd, COALESCE(spend.unpriced_calls > 0, false) AS spent_month_incomplete
    FROM squads s LEFT JOIN spend ON spend.squad_id = s.id
    WHERE s.id = ANY (ARRAY(
      SELECT s.id FROM squads s WHERE s.user_id = $1${filters} ORDER BY s.id DESC LIMIT $2 OFFSET $3))
    ORDER BY s.id DESC`;
}

function toMemberSummary([id, name, role, model, isLead, avatarKey]: MemberValues): SquadMemberSummary {
  return { id, name, role, model, isLead, avatarKey };
}

function toListItem(row: SquadListRow): SquadListItem {
  return {
    id: row.id,
    slug: row.slug,
    name: row.name,
    status: row.status,
    process: row.process,
    goal: row.goal,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    liveExecutions: row.live_executions,
    spentMonthNanoUsd: row.spent_month_nano_usd,
    spentMonthIncomplete: row.spent_month_incomplete,
    budget: row.budget,
    members: row.members.map(toMemberSummary),
  };
}

/** A page of the user's squads, newest first, members with them, in one statement. */
export async function listSquads(db: Queryable, scope: Scope, query: SquadListQuery): Promise<SquadPage> {
  const page = query.page ?? 1;
  const pageSize = query.pageSize ?? 20;
  const filters: unknown[] = [];
  let name = "squads_list";
  let text = "";
  const filter = (suffix: string, condition: (place: string) => string, value: unknown): void => {
    filters.push(value);
    name += suffix;
    text += ` AND ${condition(`$${3 + filters.length}`)}`;
  };
  if (query.status !== undefined) filter("_status", (place) => `s.status = ${place}`, query.status);
  if (query.search !== undefined) {
    filter("_search", (place) => `s.name ILIKE ${place}`, likeAnywhere(query.search));
  }
  const { rows } = await db.query<SquadListRow>(name, listText(text), [
    scope.userId,
    pageSize,
    offsetOf(page, pageSize),
    ...filters,
  ]);
  return offsetPage(rows, { page, pageSize }, toListItem, async () => {
    const renumbered = text.replace(/\$(\d+)/g, (_, place: string) => `$${Number(place) - 2}`);
    const { rows: counted } = await db.query<{ total: number }>(
      `${name}_total`,
      `SELECT count(*)::integer AS total FROM squads s WHERE s.user_id = $1${renumbered}`,
      [scope.userId, ...filters],
    );
    return counted[0]?.total ?? 0;
  });
}

function toSquad(row: SquadRow): Squad {
  return {
    id: row.id,
    slug: row.slug,
    name: row.name,
    status: row.status,
    process: row.process,
    goal: row.goal,
    fallbackModels: row.fallback_models,
    requireApproval: row.require_approval,
    limits: { ...defaultExecutionLimits, ...row.limits },
    budget: row.budget,
    members: row.members,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

/** One squad with its members, in one statement; null when it is missing or another's. */
export async function readSquad(db: Queryable, scope: Scope, squadId: string): Promise<Squad | null> {
  const { rows } = await db.query<SquadRow>(
    "squad_read",
    `SELECT s.id, s.slug, s.name, s.status, s.process, s.goal, s.fallback_models, s.require_approval, s.limits,
       s.created_at, s.updated_at, ${budgetJson} AS budget,
       (SELECT COALESCE(json_agg(json_build_object('id', m.id, 'name', m.name, 'role', m.role, 'model', m.model,
          'instructions', m.instructions, 'tools', m.tools, 'isLead', m.is_lead, 'position', m.position,
          'avatarKey', m.avatar_key) ORDER BY m.position, m.id), '[]'::json)
        FROM squad_members m WHERE m.squad_id = s.id) AS members
     FROM squads s WHERE s.id = $2 AND s.user_id = $1`,
    [scope.userId, squadId],
  );
  return rows[0] ? toSquad(rows[0]) : null;
}

/** The id behind a squad's slug, for `squad/SLUG` as a model name; null when there is none. */
export async function findSquadBySlug(db: Queryable, scope: Scope, slug: string): Promise<string | null> {
  const { rows } = await db.query<{ id: string }>(
    "squad_by_slug",
    "SELECT id FROM squads WHERE user_id = $1 AND slug = $2",
    [scope.userId, slug],
  );
  return rows[0]?.id ?? null;
}

/** Slugs of the user's active squads, for the list of models. */
export async function listSquadSlugs(db: Queryable, scope: Scope): Promise<{ slug: string; createdAt: Date }[]> {
  const { rows } = await db.query<{ slug: string; created_at: Date }>(
    "squad_slugs",
    "SELECT slug, created_at FROM squads WHERE user_id = $1 AND status = 'active' ORDER BY id DESC LIMIT 500",
    [scope.userId],
  );
  return rows.map((row) => ({ slug: row.slug, createdAt: row.created_at }));
}

/** A member of one of the user's squads, for chatting with it; null when missing or another's. */
export async function readSquadMember(
  db: Queryable,
  scope: Scope,
  squadMemberId: string,
): Promise<(SquadMember & { squadId: string; fallbackModels: string[] }) | null> {
  const { rows } = await db.query<{
    id: string;
    squad_id: string;
    name: string;
    role: string;
    model: string;
    instructions: string;
    tools: string[];
    is_lead: boolean;
    position: number;
    avatar_key: string | null;
    fallback_models: string[];
  }>(
    "squad_member_read",
    `SELECT m.id, m.squad_id, m.name, m.role, m.model, m.instructions, m.tools, m.is_lead, m.position, m.avatar_key,
       s.fallback_models
     FROM squad_members m JOIN squads s ON s.id = m.squad_id WHERE m.id = $2 AND s.user_id = $1`,
    [scope.userId, squadMemberId],
  );
  const row = rows[0];
  if (!row) return null;
  return {
    id: row.id,
    squadId: row.squad_id,
    name: row.name,
    role: row.role,
    model: row.model,
    instructions: row.instructions,
    tools: row.tools,
    isLead: row.is_lead,
    position: row.position,
    avatarKey: row.avatar_key,
    fallbackModels: row.fallback_models,
  };
}
