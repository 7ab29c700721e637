import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError } from "#contracts";
import { type Caller, takeSignInTry } from "#domain";
import { arrivalOf } from "./arrival.ts";
import type { AdmissionLimits, HttpDependencies } from "./dependencies.ts";
import { createFlights, flightKind } from "./flights.ts";
import { createKeptAnswers, keptAnswerKey } from "./kept-answers.ts";
import { type Authenticator, type Credential, credentialOf, isCrossSite } from "./plugins/authenticate.ts";
import type { LoadShedder } from "./plugins/load-shedding.ts";
import { createRateLimiter } from "./plugins/rate-limit.ts";
import { overloadError } from "./refuse-early.ts";
import type { AnyRoute, Policy } from "./route.ts";

/** Wide enough for a whole load test from one key; a runaway script or a scanner meets them. */
export const admissionDefaults: AdmissionLimits = {
  perCaller: { perSecond: 20_000, burst: 40_000 },
  perAddress: { perSecond: 200, burst: 1_000 },
  signIn: { perSecond: 0.2, burst: 10 },
  maxInFlight: 400,
  maxLongInFlight: 4_000,
  maxLoopDelayMs: 500,
  maxPoolWaiting: 300,
};

/** What admission learns about a request, for the handler. */
export interface Admitted {
  caller: Caller | null;
}

export interface Admission {
  /** Lets a request in, answers it from the cache, or throws the refusal. */
  admit(request: FastifyRequest, reply: FastifyReply, route: AnyRoute): undefined | Promise<void>;
  /** What was learned of the request. */
  of(request: FastifyRequest): Admitted | undefined;
  /** The key of a caller's answer in the response cache. */
  cacheKey(caller: Caller, request: { url: string }): string;
  /**
   * Answers a GET of this route if it is a plain hit: a caller known for the moment, whom policy and rate let in, and an
   * answer that is kept and fresh. Else false, and nothing was done.
   */
  answerKept(request: IncomingMessage, response: ServerResponse, route: AnyRoute, arrivedAt: number): boolean;
}

const unsafe = new Set(["POST", "PUT", "PATCH", "DELETE"]);
/** Probes and scrapes come often and from one address, most of all when something is wrong. */
const unlimited = new Set(["/health/live", "/health/ready", "/metrics"]);

/** Everything that is decided before a request's body is read: load, rate, who it is, what they may, what is kept. */
export function createAdmission(
  deps: HttpDependencies,
  authenticator: Authenticator,
  shedder: LoadShedder,
  limits: AdmissionLimits,
  /** Told of every GET of a route whose answers are kept, once its caller was let in. */
  onKeepable: (url: string, route: AnyRoute) => void = () => undefined,
): Admission {
  const admitted = new WeakMap<FastifyRequest, Admitted>();
  const callers = createRateLimiter(limits.perCaller);
  const addresses = createRateLimiter(limits.perAddress);
  const guesses = createRateLimiter(limits.signIn);
  const kept = createKeptAnswers(deps);
  const flights = createFlights(deps, shedder);

  function limited(waitSeconds: number, what: string): void {
    if (waitSeconds === 0) return;
    throw new AppError("rate_limited", `${what} Wait ${waitSeconds} s before the next request.`, {
      retryAfterSeconds: waitSeconds,
    });
  }

  function enter(request: FastifyRequest, reply: FastifyReply, route: AnyRoute, caller: Caller | null): void {
    if (caller === null && !unlimited.has(route.path)) {
      limited(addresses.take(request.ip), "Too many requests without a valid credential.");
    }
    allow(route.policy, caller);
    if (caller !== null) limited(callers.take(caller.userId), "Too many requests.");
    if (caller !== null && route.cache && request.method === "GET") {
      onKeepable(request.url, route);
      if (kept.send(request.raw, reply.raw, route, caller, arrivalOf(request.raw))) {
        reply.hijack();
        return;
      }
    }
    if (shedder.overloaded(flightKind(route)) && route.tag !== "operations") {
      throw overloadError();
    }
    admitted.set(request, { caller });
    flights.begin(request, reply, route);
  }

  return {
    admit(request, reply, route) {
      arrivalOf(request.raw);
      try {
        return decide(request, reply, route)?.catch((error: unknown) => {
          flights.refuse(request, reply, route);
          throw error;
        });
      } catch (error) {
        flights.refuse(request, reply, route);
        throw error;
      }
    },
    of: (request) => admitted.get(request),
    cacheKey: (caller, request) => keptAnswerKey(caller, request.url),
    answerKept(request, response, route, arrivedAt) {
      const caller = authenticator.recallHeaders(request.headers);
      // What is refused is refused on the ordinary way, with its reason.
      if (caller === undefined || !permits(route.policy, caller) || callers.take(caller.userId) !== 0) return false;
      return kept.send(request, response, route, caller, arrivedAt);
    },
  };

  function decide(request: FastifyRequest, reply: FastifyReply, route: AnyRoute): undefined | Promise<void> {
    if (unsafe.has(request.method) && request.headers.authorization === undefined && isCrossSite(request)) {
      throw new AppError("forbidden", "A page of another site sent this request. Open Muster itself and do it there.");
    }
    if (!route.guessable) return admitCaller(request, reply, route);
    return countGuess(request.ip).then(() => admitCaller(request, reply, route));
  }

  /** Here first, so that a flood of tries costs the database nothing; then by what all processes have seen. */
  async function countGuess(address: string): Promise<void> {
    const refusal = "Too many tries from this address.";
    limited(guesses.take(address), refusal);
    limited(await takeSignInTry(deps.db, address, limits.signIn), refusal);
  }

  function admitCaller(request: FastifyRequest, reply: FastifyReply, route: AnyRoute): undefined | Promise<void> {
    const remembered = authenticator.recallHeaders(request.headers);
    const credential = remembered === undefined ? credentialOf(request) : null;
    const known = credential === null ? remembered : authenticator.recall(credential);
    if (credential !== null) {
      if (known === undefined) return findAndEnter(request, reply, route, credential);
      if (known !== null) authenticator.noteHeaders(request.headers, credential);
    }
    enter(request, reply, route, known ?? null);
    return undefined;
  }

  async function findAndEnter(
    request: FastifyRequest,
    reply: FastifyReply,
    route: AnyRoute,
    credential: Credential,
  ): Promise<void> {
    // Asking the database is what a guesser of tokens costs us.
    const caller = await authenticator.find(credential);
    if (caller === null) limited(addresses.take(request.ip), "Too many requests without a valid credential.");
    enter(request, reply, route, caller);
  }
}

/** Whether `allow` lets this caller in. */
function permits(policy: Policy, caller: Caller): boolean {
  return !((policy === "session" && caller.kind !== "session") || (policy === "owner" && caller.role !== "owner"));
}

function allow(policy: Policy, caller: Caller | null): void {
  if (policy === "public") return;
  if (caller === null) {
    throw new AppError("unauthorized", "Sign in, or send a valid API key as Authorization: Bearer mst_….");
  }
  if (policy === "session" && caller.kind !== "session") {
    throw new AppError(
      "forbidden",
      "API keys cannot manage credentials: sign in at the UI (or by POST /api/v1/auth/sign-in).",
    );
  }
  if (policy === "owner" && caller.role !== "owner") {
    throw new AppError("forbidden", "Only the owner of this installation may do this.");
  }
}
