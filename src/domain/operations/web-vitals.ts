import type { WebVital, WebVitalName } from "#contracts";
import type { Queryable } from "#db";

/** Stores measurements of real page views. `userId` is null for pages shown before signing in. */
export async function recordWebVitals(
  db: Queryable,
  userId: string | null,
  vitals: readonly WebVital[],
): Promise<void> {
  await db.query(
    "web_vitals_record",
    `INSERT INTO web_vitals (user_id, name, value, page, rating)
     SELECT $1, name, value, page, rating
     FROM unnest($2::text[], $3::double precision[], $4::text[], $5::text[]) AS v(name, value, page, rating)`,
    [
      userId,
      vitals.map((vital) => vital.name),
      vitals.map((vital) => vital.value),
      vitals.map((vital) => vital.page),
      vitals.map((vital) => vital.rating),
    ],
  );
}

export interface WebVitalSummary {
  /** Null: all pages together. */
  page: string | null;
  name: WebVitalName;
  /** 75th percentile, the one Core Web Vitals are judged by; milliseconds, for CLS without unit. */
  p75: number;
  samples: number;
}

/** What pages felt like in the last seven days, by vital and by page and vital: of the latest 10,000 measurements, so that asking stays cheap. */
export async function summarizeWebVitals(db: Queryable): Promise<WebVitalSummary[]> {
  const { rows } = await db.query<WebVitalSummary>(
    "web_vitals_summary",
    `SELECT page, name, percentile_disc(0.75) WITHIN GROUP (ORDER BY value) AS p75, count(*)::integer AS samples
     FROM (SELECT page, name, value FROM web_vitals WHERE at > now() - interval '7 days' ORDER BY at DESC LIMIT 10000) latest
     GROUP BY GROUPING SETS ((page, name), (name)) ORDER BY page NULLS FIRST, name LIMIT 500`,
  );
  return rows;
}
