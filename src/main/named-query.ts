import { hash } from "node:crypto";
import type { Database } from "#db";
import type { Query } from "#llm";

/**
 * Statements of the gateway's stores under names of their own: prepared once a connection, visible in the metrics. A name
 * follows from the text alone, so that every process calls the same statement the same.
 */
export function namedQuery(db: Pick<Database, "query">): Query {
  const names = new Map<string, string>();
  return <Row>(text: string, params: unknown[]) => {
    const name = names.get(text) ?? nameOfStatement(text);
    names.set(text, name);
    return db.query(name, text, params) as unknown as Promise<{ rows: Row[]; rowCount: number | null }>;
  };
}

/** The first function or table of ours in it, and by what it differs from others on the same. */
function nameOfStatement(text: string): string {
  const about = /\b(?:muster|llm)_\w+/.exec(text)?.[0].replace(/^llm_/, "") ?? "store";
  return `llm_${about}_${hash("sha1", text, "hex").slice(0, 6)}`;
}
