import type { Queryable } from "#db";
import type { Scope } from "../store.ts";

const maxLength = 64;

/** A name as a slug: ASCII letters and digits with single dashes between; "squad" when nothing is left. */
export function slugify(name: string): string {
  const slug = name
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, maxLength - 8)
    .replace(/^-+|-+$/g, "");
  return slug === "" ? "squad" : slug;
}

/** The wanted slug, or with the first free number behind it. */
export async function chooseSlug(db: Queryable, scope: Scope, wanted: string): Promise<string> {
  const { rows } = await db.query<{ slug: string }>(
    "squad_slugs_taken",
    "SELECT slug FROM squads WHERE user_id = $1 AND (slug = $2 OR slug LIKE $2 || '-%')",
    [scope.userId, wanted],
  );
  const taken = new Set(rows.map((row) => row.slug));
  if (!taken.has(wanted)) return wanted;
  for (let number = 2; ; number++) if (!taken.has(`${wanted}-${number}`)) return `${wanted}-${number}`;
}
