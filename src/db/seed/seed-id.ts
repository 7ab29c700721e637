import { createHash } from "node:crypto";

/** What has an id in the seed. */
export type SeededKind =
  | "user"
  | "squad"
  | "member"
  | "project"
  | "task"
  | "attachment"
  | "execution"
  | "step"
  | "message"
  | "call"
  | "usage"
  | "notification"
  | "budget";

/** 2026-01-01T00:00:00Z: before anything that is made by hand, so that what is new comes first in every list. */
const epochMs = 1_767_225_600_000;

/**
 * The id of the n-th thing of a kind in a seed: a UUIDv7 whose time is the number and whose random part is a hash, so
 * that the same seed has the same ids. `seedName` is `SeedResult.name`.
 */
export function seedId(seedName: string, kind: SeededKind, number: number): string {
  const time = (epochMs + number).toString(16).padStart(12, "0");
  const hash = createHash("md5").update(`${seedName} ${kind} ${number}`).digest("hex");
  const hex = `${time}7${hash.slice(0, 3)}8${hash.slice(3, 6)}${hash.slice(6, 18)}`;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Defines the same in SQL, for as long as the session lives. */
export function seedIdSql(seedName: string): string {
  const hash = `md5('${seedName} ' || kind || ' ' || number)`;
  return `
    CREATE OR REPLACE FUNCTION pg_temp.seed_id(kind text, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
      SELECT (lpad(to_hex(${epochMs} + number), 12, '0') || '7' || substr(${hash}, 1, 3) || '8' || substr(${hash}, 4, 15))::uuid
    $$`;
}
