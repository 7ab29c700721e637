import { readFileSync } from "node:fs";

/** One request of a scenario; `{{name}}` in path and body is filled in from the user's variables. */
export interface ProfileRequest {
  name: string;
  method: "GET" | "POST" | "PATCH" | "DELETE";
  path: string;
  body?: Record<string, unknown>;
  /** The status that is right; 200 when absent. */
  status?: number;
  /** Variable → path into the JSON answer (`task.id`). */
  save?: Record<string, string>;
  /** A later answer is a failed check (of `checks`, not of `http_req_failed`); any time is right when absent. */
  withinMs?: number;
  /** An event stream: read to its end, not part of the API's times. */
  stream?: boolean;
}

export interface Scenario {
  name: string;
  weight: number;
  requests: ProfileRequest[];
}

/** What both load tools read (bench/k6 and bench/load): users over time, what they do, and what must hold. */
export interface Profile {
  name: string;
  description: string;
  stages: { duration: string; target: number }[];
  /** Metric → conditions in k6's notation. */
  thresholds: Record<string, string[]>;
  thinkSeconds: number;
  scenarios: Scenario[];
}

/** Reads a profile by its name (`seed`, `mixed`). */
export function readProfile(name: string): Profile {
  return JSON.parse(readFileSync(new URL(`./profiles/${name}.json`, import.meta.url), "utf8")) as Profile;
}

const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration in k6's notation (`2m`, `1m30s`). @throws Error for anything else. */
export function durationMs(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text) throw new Error(`${text} is no duration`);
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? ""] ?? 0), 0);
}

/** Users at a moment of the profile, with the straight ramps of k6; null when it is over. */
export function usersAt(profile: Profile, elapsedMs: number, scale: number): number | null {
  let from = 0;
  let started = 0;
  for (const { duration, target } of profile.stages) {
    const length = durationMs(duration) * scale;
    if (elapsedMs < started + length) return Math.round(from + ((target - from) * (elapsedMs - started)) / length);
    started += length;
    from = target;
  }
  return null;
}

export type Variables = Record<string, string>;

/** Fills in the variables; null when one of them is not set (then the request is left out). */
export function fill(text: string, variables: Variables): string | null {
  let missing = false;
  const filled = text.replace(/\{\{(\w+)\}\}/g, (_all, name: string) => {
    missing ||= variables[name] === undefined;
    return variables[name] ?? "";
  });
  return missing ? null : filled;
}

/** The text at a path into a JSON value, undefined when there is none. */
export function pick(value: unknown, path: string): string | undefined {
  let at: unknown = value;
  for (const name of path.split(".")) {
    at = typeof at === "object" && at !== null ? (at as Record<string, unknown>)[name] : undefined;
  }
  return typeof at === "string" || typeof at === "number" ? String(at) : undefined;
}
