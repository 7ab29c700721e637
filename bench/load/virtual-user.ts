import type { Dispatcher } from "undici";
import { fill, type Profile, type ProfileRequest, pick, type Scenario, type Variables } from "./profile.ts";

export interface Sample {
  name: string;
  kind: "api" | "stream";
  durationMs: number;
  ok: boolean;
  /** Right, but later than the profile's check allows. */
  late: boolean;
  /** What was wrong, for the first failures of a run. */
  problem?: string;
}

export interface VirtualUserOptions {
  profile: Profile;
  dispatcher: Dispatcher;
  /** Asked in turn, as a balancer in front of them would. */
  origins: readonly string[];
  apiKey: string;
  /** Numbers from 0 to 1; seeded, so that a run can be repeated. */
  random: () => number;
  record: (sample: Sample) => void;
  unique: () => string;
}

const streamTimeoutMs = 120_000;

/** Numbers from 0 to 1 by a seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** One simulated user: what it has seen (ids to open) and what it does next. */
export class VirtualUser {
  readonly #options: VirtualUserOptions;
  readonly #totalWeight: number;
  #squads: string[] = [];
  #executions: string[] = [];
  #ownSquadId: string | undefined;
  #asked = 0;

  constructor(options: VirtualUserOptions) {
    this.#options = options;
    this.#totalWeight = options.profile.scenarios.reduce((sum, scenario) => sum + scenario.weight, 0);
  }

  /** Learns the ids of its squads and executions; not part of the figures. Makes an offline squad when asked to execute. */
  async prepare(): Promise<void> {
    const list = async (path: string) => {
      const { status, body } = await this.#send("GET", path, undefined);
      if (status !== 200) throw new Error(`GET ${path} answered ${status}: ${body.slice(0, 300)}`);
      return (JSON.parse(body) as { data: { id: string }[] }).data.map((each) => each.id);
    };
    this.#squads = await list("/api/v1/squads?page=1&pageSize=20");
    this.#executions = await list("/api/v1/executions?limit=20");
    const executes = this.#options.profile.scenarios.some((scenario) => scenario.name === "execute");
    if (!executes) return;
    const member = (name: string, role: string, isLead: boolean) => ({ name, role, isLead, model: "muster/offline" });
    const { status, body } = await this.#send("POST", "/api/v1/squads", {
      name: `Load ${this.#options.unique()}`,
      process: "sequential",
      members: [member("Lead", "project-manager", true), member("Analyst", "analyst", false)],
    });
    if (status !== 201) throw new Error(`POST /api/v1/squads answered ${status}: ${body.slice(0, 300)}`);
    this.#ownSquadId = pick(JSON.parse(body), "squad.id");
    if (this.#ownSquadId !== undefined && this.#squads.length === 0) this.#squads.push(this.#ownSquadId);
  }

  /** Does one scenario, chosen by weight. */
  async iterate(): Promise<void> {
    const scenario = this.#choose();
    const variables: Variables = { unique: this.#options.unique() };
    const squadId = this.#oneOf(this.#squads);
    const executionId = this.#oneOf(this.#executions);
    if (squadId !== undefined) variables.squadId = squadId;
    if (executionId !== undefined) variables.executionId = executionId;
    if (this.#ownSquadId !== undefined) variables.ownSquadId = this.#ownSquadId;
    for (const request of scenario.requests) if (!(await this.#do(request, variables))) return;
  }

  #choose(): Scenario {
    let at = this.#options.random() * this.#totalWeight;
    const { scenarios } = this.#options.profile;
    const chosen = scenarios.find((scenario) => {
      at -= scenario.weight;
      return at < 0;
    });
    const last = chosen ?? scenarios.at(-1);
    if (last === undefined) throw new Error("The profile has no scenario");
    return last;
  }

  #oneOf(ids: readonly string[]): string | undefined {
    return ids[Math.floor(this.#options.random() * ids.length)];
  }

  /** False when the request failed and the rest of the scenario makes no sense. */
  async #do(request: ProfileRequest, variables: Variables): Promise<boolean> {
    const path = fill(request.path, variables);
    const body = request.body === undefined ? undefined : fill(JSON.stringify(request.body), variables);
    if (path === null || body === null) return true;
    const kind = request.stream === true ? "stream" : "api";
    const started = performance.now();
    let problem: string | undefined;
    try {
      const answer = await this.#send(request.method, path, body === undefined ? undefined : JSON.parse(body), kind);
      if (answer.status !== (request.status ?? 200)) problem = `${answer.status} ${answer.body.slice(0, 200)}`;
      else if (kind === "stream" && !answer.body.includes("execution-end")) problem = "the stream has no end event";
      else if (request.save) {
        const json: unknown = JSON.parse(answer.body);
        for (const [name, place] of Object.entries(request.save)) {
          const value = pick(json, place);
          if (value !== undefined) variables[name] = value;
        }
      }
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    const durationMs = performance.now() - started;
    const ok = problem === undefined;
    const late = ok && durationMs >= (request.withinMs ?? Number.POSITIVE_INFINITY);
    const wrong = ok ? {} : { problem: String(problem) };
    this.#options.record({ name: request.name, kind, durationMs, ok, late, ...wrong });
    return ok && !late;
  }

  #nextOrigin(): string {
    const { origins } = this.#options;
    return origins[this.#asked++ % origins.length] ?? "";
  }

  async #send(method: ProfileRequest["method"], path: string, body: unknown, kind = "api") {
    const response = await this.#options.dispatcher.request({
      origin: this.#nextOrigin(),
      path,
      method,
      headers: {
        authorization: `Bearer ${this.#options.apiKey}`,
        "accept-encoding": "identity",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      bodyTimeout: kind === "stream" ? streamTimeoutMs : 30_000,
      headersTimeout: 30_000,
    });
    return { status: response.statusCode, body: await response.body.text() };
  }
}
