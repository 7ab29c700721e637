import { get, type IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { ExecutionEvent } from "#contracts";
import { createApiKey } from "#domain";
import { readGauge } from "../lab/gauges.ts";
import { type Laboratory, openLaboratory, until } from "../lab/laboratory.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

const executions = 10;

/** Thousands of event streams on one process, which is killed under them; each comes back with its last number. */
export const readers: Scenario = {
  name: "readers",
  title: "10,000 (short: 500) SSE clients on one process, then the process killed",
  allowed: "every client has every event once, in order",
  shortRounds: 0,
  weight: 0,
  onlyByName: true,
  round: (seed, size) =>
    inLaboratory(
      () =>
        openLaboratory({
          seed,
          name: "readers",
          members: 6,
          // Slow answers, few events: the streams stay open over the kill and the return of all.
          plan: () => ({ pieces: 10, pieceDelayMs: size === "short" ? 300 : 1_500 }),
        }),
      async (lab) => {
        const clients = size === "short" ? 500 : 10_000;
        const api = await lab.start("api");
        await lab.start("worker");
        const { token } = await createApiKey(lab.db, { userId: lab.task.userId }, "readers");
        const ids: string[] = [];
        for (let n = 0; n < executions; n += 1) ids.push((await lab.accept()).executionId);
        const crowd = new Crowd(lab, () => api.url, token);
        const following: Promise<void>[] = [];
        for (let n = 0; n < clients; n += 1) {
          following.push(crowd.follow(ids[n % executions] ?? ""));
          if (n % 50 === 49) await delay(40);
        }
        await until(120_000, () => crowd.open === clients || crowd.ended > 0);
        const openAtKill = crowd.open;
        const memoryMb = Math.round(readGauge(api).memoryBytes / 1024 / 1024);
        await delay(2_000);
        const over = lab.disturb("kill -9 of the process with all readers");
        await api.kill();
        const killedAtMs = Date.now();
        await lab.start("api");
        lab.history.recoveriesMs.push(Date.now() - killedAtMs);
        await until(120_000, () => crowd.open + crowd.ended === clients);
        const allBackMs = Date.now() - killedAtMs;
        over();
        await Promise.all(following);
        if (openAtKill < clients) {
          lab.history.violations.push(`only ${openAtKill} of ${clients} clients were connected when it was killed`);
        }
        return conclude(
          lab,
          { timeoutMs: 60_000 },
          {
            counts: {
              clients,
              openAtKill,
              eventsRead: crowd.events,
              resumed: crowd.resumed,
              sentAwayForAMoment: crowd.refused,
              memoryMb,
            },
            timesMs: { allBack: [allBackMs] },
          },
        );
      },
    ),
};

/** Many clients that are nothing but a socket, the number they expect and what they have not read to its end. */
class Crowd {
  open = 0;
  ended = 0;
  events = 0;
  resumed = 0;
  refused = 0;
  readonly #lab: Laboratory;
  readonly #url: () => string;
  readonly #token: string;
  /** What the first reader was shown, by execution and number: all others must be shown the same. */
  readonly #frames = new Map<string, string>();

  constructor(lab: Laboratory, url: () => string, token: string) {
    this.#lab = lab;
    this.#url = url;
    this.#token = token;
  }

  /** Follows one execution to its end over any number of connections. */
  async follow(executionId: string): Promise<void> {
    const reader = { executionId, last: 0, ended: false };
    const deadline = Date.now() + 300_000;
    while (!reader.ended) {
      if (Date.now() > deadline) throw new Error(`A reader of ${executionId} waits behind event ${reader.last}`);
      const waitMs = await this.#connect(reader);
      // As browsers do, not all in the same moment.
      if (!reader.ended) await delay(waitMs * (0.5 + Math.random()));
    }
    this.ended += 1;
  }

  /** One connection; resolves with the milliseconds to wait before the next. */
  #connect(reader: { executionId: string; last: number; ended: boolean }): Promise<number> {
    return new Promise((resolve) => {
      let waitMs = 500;
      let counted = false;
      const done = () => {
        if (counted) this.open -= 1;
        counted = false;
        resolve(waitMs);
      };
      const request = get(
        `${this.#url()}/api/v1/executions/${reader.executionId}/events`,
        {
          agent: false,
          headers: {
            authorization: `Bearer ${this.#token}`,
            ...(reader.last > 0 ? { "last-event-id": String(reader.last) } : {}),
          },
        },
        (response) => {
          if (response.statusCode !== 200) {
            this.refused += 1;
            waitMs = Number(response.headers["retry-after"] ?? 1) * 1_000;
            response.resume();
          } else {
            counted = true;
            this.open += 1;
            if (reader.last > 0) this.resumed += 1;
            this.#read(response, reader);
          }
          response.on("error", () => undefined); // "close" follows.
          response.once("close", done);
        },
      );
      // Refused or reset: the process is down.
      request.once("error", done);
    });
  }

  #read(response: IncomingMessage, reader: { executionId: string; last: number; ended: boolean }): void {
    let rest = "";
    response.setEncoding("utf8");
    response.on("data", (text: string) => {
      rest += text;
      for (let at = rest.indexOf("\n\n"); at !== -1; at = rest.indexOf("\n\n")) {
        const frame = rest.slice(0, at);
        rest = rest.slice(at + 2);
        const start = frame.indexOf("data: ");
        if (start !== -1) this.#show(frame.slice(start + 6), reader);
      }
    });
  }

  #show(data: string, reader: { executionId: string; last: number; ended: boolean }): void {
    const { violations } = this.#lab.history;
    const key = `${reader.executionId} ${reader.last + 1}`;
    const known = this.#frames.get(key);
    // The same bytes as another reader got under this number need no further look; each first one is looked at.
    if (known !== data) {
      const event = JSON.parse(data) as ExecutionEvent;
      if (event.seq !== reader.last + 1)
        violations.push(`${reader.executionId}: a reader got ${event.seq} after ${reader.last}`);
      // Against the database at the end, and against what others were shown now.
      this.#lab.history.showed(event);
      this.#frames.set(key, data);
    }
    reader.last += 1;
    this.events += 1;
    if (data.includes('"execution-end"') && (JSON.parse(data) as ExecutionEvent).type === "execution-end") {
      reader.ended = true;
    }
  }
}
