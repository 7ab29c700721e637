import { type Static, Type } from "typebox";
import { webVitalNames } from "../closed-sets.ts";
import { nullable, object, Timestamp } from "./common.ts";

const ratings = ["good", "needs-improvement", "poor"] as const;

/** `page` is the route's pattern, for example `/squads/[id]`, never the raw path. */
export const WebVital = object({
  name: Type.Enum(webVitalNames),
  value: Type.Number({ minimum: 0, maximum: 600_000 }),
  page: Type.String({ minLength: 1, maxLength: 120, pattern: "^/[a-z0-9/[\\]-]*$" }),
  rating: Type.Enum(ratings),
});
export type WebVital = Static<typeof WebVital>;
export const WebVitalsBody = object({ vitals: Type.Array(WebVital, { minItems: 1, maxItems: 20 }) });
export type WebVitalsBody = Static<typeof WebVitalsBody>;

export const performanceVerdicts = ["met", "missed", "unknown"] as const;

/** One target beside its live figure; `live` is null until something was measured. Without a target there is no verdict. */
export const PerformanceRow = object({
  key: Type.String(),
  group: Type.String(),
  title: Type.String(),
  unit: Type.String(),
  seed: nullable(Type.Number({ description: "The limit set by the seed document" })),
  target: nullable(Type.Number({ description: "Null for a figure that is only shown" })),
  higherIsBetter: Type.Boolean(),
  live: nullable(Type.Number()),
  samples: Type.Integer(),
  verdict: Type.Enum(performanceVerdicts),
  history: Type.Array(object({ at: Timestamp, value: Type.Number() })),
});
export type PerformanceRow = Static<typeof PerformanceRow>;

export const SlowQuery = object({
  at: Timestamp,
  query: Type.String(),
  durationMs: Type.Number(),
  route: nullable(Type.String()),
});
export type SlowQuery = Static<typeof SlowQuery>;

export const PerformanceReport = object({
  at: Timestamp,
  uptimeSeconds: Type.Number(),
  roles: Type.Array(Type.String(), {
    description:
      "What these processes do: all, api or worker; without all and worker nothing that workers measure is in here",
  }),
  processes: Type.Integer({ description: "How many processes of this machine the figures are of" }),
  targets: Type.Array(PerformanceRow),
  slowQueries: Type.Array(SlowQuery),
  caches: Type.Array(
    object({ cache: Type.String(), hits: Type.Integer(), misses: Type.Integer(), ratio: nullable(Type.Number()) }),
  ),
  rateLimitWaits: object({ count: Type.Integer(), p95Ms: nullable(Type.Number()) }),
  webVitals: Type.Array(
    object({
      page: Type.String(),
      name: Type.Enum(webVitalNames),
      p75: Type.Number(),
      samples: Type.Integer(),
      rating: Type.Enum(ratings),
    }),
  ),
});
export type PerformanceReport = Static<typeof PerformanceReport>;

export const Health = object({
  status: Type.Enum(["ok", "unavailable"]),
  checks: Type.Optional(
    Type.Record(Type.String(), object({ ok: Type.Boolean(), detail: Type.Optional(Type.String()) })),
  ),
});
export type Health = Static<typeof Health>;
