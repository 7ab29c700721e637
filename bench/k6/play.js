// What both k6 scripts share: reads a profile of bench/load/profiles and plays it. k6 1.x, no extensions.
// k6 itself has not run these scripts where Muster is built: a test plays them with modules that stand in for k6's.
//   k6 run -e MUSTER_URL=http://127.0.0.1:3000 -e MUSTER_API_KEY=mst_… bench/k6/mixed.js
//   -e MUSTER_API_KEYS_FILE=/home/me/keys.txt   several keys, one a line: each user takes one. An absolute path: k6 would look for a
//                                               relative one beside this script
//   -e SCALE=0.05                      multiplies the stages' durations (k6's own --stage works, too)
import { check, sleep } from "k6";
import http from "k6/http";

const origin = __ENV.MUSTER_URL || "http://127.0.0.1:3000";
const keys = __ENV.MUSTER_API_KEYS_FILE
  ? open(__ENV.MUSTER_API_KEYS_FILE)
      .split("\n")
      .filter((key) => key !== "")
  : [__ENV.MUSTER_API_KEY || ""];

/** Reads a profile by its name; only in a script's init context. */
export function readProfile(name) {
  return JSON.parse(open(`../load/profiles/${name}.json`));
}

const seconds = { s: 1, m: 60, h: 3600 };

function scaled(duration) {
  const scale = Number(__ENV.SCALE || "1");
  if (scale === 1) return duration;
  const [, count, unit] = /^(\d+)([smh])$/.exec(duration);
  return `${Math.max(1, Math.round(Number(count) * seconds[unit] * scale))}s`;
}

/** k6's options of a profile. */
export function optionsOf(profile) {
  return {
    stages: profile.stages.map(({ duration, target }) => ({ duration: scaled(duration), target })),
    thresholds: profile.thresholds,
  };
}

function send(method, path, body, name, kind) {
  const headers = { Authorization: `Bearer ${keys[__VU % keys.length]}` };
  if (body !== null) headers["Content-Type"] = "application/json";
  // A stream is read to its end, which comes after the execution's last event.
  const timeout = kind === "stream" ? "120s" : "30s";
  return http.request(method, `${origin}${path}`, body, { headers, timeout, tags: { name, kind } });
}

function fill(text, variables) {
  let missing = false;
  const filled = text.replace(/\{\{(\w+)\}\}/g, (_all, name) => {
    if (variables[name] === undefined) missing = true;
    return variables[name];
  });
  return missing ? null : filled;
}

function pick(value, path) {
  return path.split(".").reduce((at, name) => (at === null || at === undefined ? undefined : at[name]), value);
}

const unique = () => `${__VU}-${__ITER}-${Math.random().toString(36).slice(2, 8)}`;
const oneOf = (ids) => ids[Math.floor(Math.random() * ids.length)];

/** What this user has: ids to open, and a squad on the offline model to start executions with. k6 keeps it per user. */
let mine = null;

function prepare(profile) {
  const ids = (path) =>
    send("GET", path, null, "prepare", "prepare")
      .json("data")
      .map((each) => each.id);
  mine = { squads: ids("/api/v1/squads?page=1&pageSize=20"), executions: ids("/api/v1/executions?limit=20") };
  if (!profile.scenarios.some((scenario) => scenario.name === "execute")) return;
  const members = [
    { name: "Lead", role: "project-manager", isLead: true, model: "muster/offline" },
    { name: "Analyst", role: "analyst", isLead: false, model: "muster/offline" },
  ];
  const squad = JSON.stringify({ name: `Load ${unique()}`, process: "sequential", members });
  mine.ownSquadId = send("POST", "/api/v1/squads", squad, "prepare", "prepare").json("squad.id");
  if (mine.squads.length === 0) mine.squads.push(mine.ownSquadId);
}

function choose(scenarios) {
  let at = Math.random() * scenarios.reduce((sum, scenario) => sum + scenario.weight, 0);
  for (const scenario of scenarios) {
    at -= scenario.weight;
    if (at < 0) return scenario;
  }
  return scenarios[scenarios.length - 1];
}

/** One iteration of one user. */
export function play(profile) {
  if (mine === null) prepare(profile);
  const variables = {
    unique: unique(),
    squadId: oneOf(mine.squads),
    executionId: oneOf(mine.executions),
    ownSquadId: mine.ownSquadId,
  };
  for (const request of choose(profile.scenarios).requests) {
    const path = fill(request.path, variables);
    const body = request.body === undefined ? null : fill(JSON.stringify(request.body), variables);
    if (path === null || (request.body !== undefined && body === null)) continue;
    const response = send(request.method, path, body, request.name, request.stream ? "stream" : "api");
    const right = check(response, {
      "status is right": (r) => r.status === (request.status || 200),
      "answer is in time": (r) => !request.withinMs || r.timings.duration < request.withinMs,
      "stream has its end": (r) => !request.stream || String(r.body).includes("execution-end"),
    });
    if (!right) break;
    for (const [name, place] of Object.entries(request.save || {})) {
      const value = pick(response.json(), place);
      if (value !== null && value !== undefined) variables[name] = String(value);
    }
  }
  sleep(profile.thinkSeconds);
}
