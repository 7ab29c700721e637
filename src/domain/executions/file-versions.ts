import type { FileVersion, FileVersionAnswer } from "#contracts";
import type { Queryable } from "#db";
import type { Scope } from "../store.ts";
import { ownsExecution } from "./executions.queries.ts";

interface CallRow {
  id: string;
  tool: string;
  step_id: string;
  member_id: string;
  ended_at: Date;
  arguments: string;
}

interface State {
  version: FileVersion;
  content: string;
}

/** The versions that are worked out: the newest, within both bounds. */
const maxCalls = 200;
const maxCharacters = 16_000_000;

// The newest calls that can be about the file, until they are too long together; the plain name stands in the arguments as it
// is, so other files are left out before anything is parsed.
const callsSql = `
  SELECT id, tool, step_id, member_id, ended_at, arguments FROM (
    SELECT c.*, sum(length(c.arguments)) OVER (ORDER BY c.started_at DESC, c.id DESC) AS characters FROM (
      SELECT t.id, t.tool, t.step_id, t.member_id, t.started_at, COALESCE(t.ended_at, t.started_at) AS ended_at, t.arguments
      FROM tool_calls t JOIN task_executions e ON e.id = t.execution_id AND e.user_id = $1
      WHERE t.execution_id = $2 AND t.state = 'done' AND t.tool IN ('write_file', 'edit_file')
        AND ($3::text IS NULL OR position($3 in t.arguments) > 0)
      ORDER BY t.started_at DESC, t.id DESC LIMIT $4) c) bounded
  WHERE characters <= $5 ORDER BY started_at, id`;

/**
 * The states of a file, newest first, worked out from the journal: each call of a tool that wrote it is there with its
 * arguments, so no second copy is kept. Null when the execution is not the caller's; empty once the journal was compacted.
 */
export async function listFileVersions(
  db: Queryable,
  scope: Scope,
  executionId: string,
  path: string,
): Promise<FileVersion[] | null> {
  const states = await replay(db, scope, executionId, path);
  if (states.length === 0 && !(await ownsExecution(db, scope, executionId))) return null;
  return states.map(({ version }) => version).reverse();
}

/** One state of a file beside the one before; null when it is missing, another's, or no longer known. */
export async function readFileVersion(
  db: Queryable,
  scope: Scope,
  executionId: string,
  toolCallId: string,
): Promise<FileVersionAnswer | null> {
  const { rows } = await db.query<{ arguments: string }>(
    "file_version_call",
    `SELECT t.arguments FROM tool_calls t JOIN task_executions e ON e.id = t.execution_id AND e.user_id = $1
     WHERE t.execution_id = $2 AND t.id = $3 AND t.tool IN ('write_file', 'edit_file')`,
    [scope.userId, executionId, toolCallId],
  );
  const path = rows[0] ? parse(rows[0].arguments).path : undefined;
  if (path === undefined) return null;
  const states = await replay(db, scope, executionId, path);
  const at = states.findIndex(({ version }) => version.toolCallId === toolCallId);
  const state = states[at];
  return state ? { version: state.version, path, before: states[at - 1]?.content ?? null, after: state.content } : null;
}

async function replay(db: Queryable, scope: Scope, executionId: string, path: string): Promise<State[]> {
  const wanted = normalise(path);
  const name = wanted.split("/").at(-1) ?? "";
  // Other characters may stand in JSON as escapes.
  const plain = /^[\w. -]+$/.test(name) ? name : null;
  const { rows } = await db.query<CallRow>("file_version_calls", callsSql, [
    scope.userId,
    executionId,
    plain,
    maxCalls,
    maxCharacters,
  ]);
  const states: State[] = [];
  let content: string | null = null;
  for (const row of rows) {
    const args = parse(row.arguments);
    if (args.path !== wanted) continue;
    content = row.tool === "write_file" ? (args.content ?? null) : edited(content, args);
    // An edit whose ground is out of reach says nothing; the next whole file does again.
    if (content === null) continue;
    const { id: toolCallId, tool, step_id: stepId, member_id: memberId } = row;
    const version = { toolCallId, tool, stepId, memberId, at: row.ended_at.toISOString() };
    states.push({ version: { ...version, bytes: Buffer.byteLength(content) }, content });
  }
  return states;
}

function edited(content: string | null, { oldText, newText }: WriteArguments): string | null {
  if (content === null || oldText === undefined || newText === undefined) return null;
  const at = content.indexOf(oldText);
  return at < 0 ? null : content.slice(0, at) + newText + content.slice(at + oldText.length);
}

interface WriteArguments {
  path?: string;
  content?: string;
  oldText?: string;
  newText?: string;
}

/** The arguments of a call that was done, so they are what the tool's schema says; nothing after the journal was compacted. */
function parse(text: string): WriteArguments {
  try {
    const args = JSON.parse(text) as WriteArguments;
    return { ...args, ...(args.path === undefined ? {} : { path: normalise(args.path) }) };
  } catch {
    return {};
  }
}

/** One spelling for the same place, as the workspace reads paths: without `.` and empty parts. */
function normalise(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}
