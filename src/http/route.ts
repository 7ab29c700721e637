import type { FastifyReply, FastifyRequest } from "fastify";
import type { Static, TObject, TSchema } from "typebox";
import type { Caller, ChangeArea, Store } from "#domain";
import type { HttpDependencies } from "./dependencies.ts";

/**
 * Who may call a route: `public` anyone, `user` any valid credential, `session` only someone signed in at the UI (what
 * manages credentials is not for API keys), `owner` the owner of the installation.
 */
export type Policy = "public" | "user" | "session" | "owner";
export type HttpMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What a handler gets. Requests of `public` routes may come without a caller. */
export interface RouteInput<Params, Query, Body, P extends Policy> {
  params: Params;
  query: Query;
  body: Body;
  caller: P extends "public" ? Caller | null : Caller;
  /** The database, or the transaction of an idempotent write; for reads a replica that shows the caller's own writes. */
  db: Store;
  deps: HttpDependencies;
  request: FastifyRequest;
  reply: FastifyReply;
  /** Runs after the commit, when kept answers are dropped already; at once when nothing is left to commit. */
  afterCommit(work: () => void): void;
  /** Further tags of kept answers that this write makes old, beside those of the route's `changes`. */
  touch(...tags: string[]): void;
}

/** How answers of a route are kept. */
export interface RouteCache<Params> {
  /** 60 for lists, 300 for single things. */
  seconds: number;
  /** The caller's areas that the answer shows. */
  areas: readonly ChangeArea[];
  /** Further tags, for example of one execution. */
  tags?: (params: Params) => string[];
}

export interface RouteDefinition<
  Params extends TObject = TObject,
  Query extends TObject = TObject,
  Body extends TObject = TObject,
  Answer extends TSchema = TSchema,
  P extends Policy = Policy,
> {
  method: HttpMethod;
  /** With `:name` for parameters. */
  path: string;
  operationId: string;
  tag: string;
  summary: string;
  policy: P;
  params?: Params;
  query?: Query;
  body?: Body;
  /** Status of success; 200 when absent. */
  status?: number;
  /** Schema of the JSON answer; null: no content. A route with `stream` sends for itself. */
  answer: Answer | null;
  /** Media type of what a `stream` route sends. */
  stream?: string;
  /** Answers only when a provider did: in flight it counts like a stream, and its time is not the API's. */
  waitsForProvider?: true;
  cache?: RouteCache<Static<Params>>;
  /** The caller's areas that a write changes. */
  changes?: readonly ChangeArea[];
  /** Writes that are repeated safely or cannot be stored (network calls, streams) take no Idempotency-Key. */
  idempotency?: "none";
  /** The answer holds a secret: it is sealed when stored under an Idempotency-Key. */
  secretAnswer?: true;
  bodyLimitBytes?: number;
  /** Counted against the strict limit for guessing credentials. */
  guessable?: true;
  handle(
    input: RouteInput<Static<Params>, Static<Query>, Static<Body>, P>,
  ): Promise<[Answer] extends [TSchema] ? Static<Answer> : undefined>;
}

/** A route whose types are checked already; what the table holds. */
export type AnyRoute = Omit<RouteDefinition, "handle" | "cache"> & {
  cache?: { seconds: number; areas: readonly ChangeArea[]; tags?: (params: never) => string[] };
  handle(input: never): Promise<unknown>;
};

/** Checks a route's handler against its schemas. A route that sends for itself resolves with undefined. */
export function defineRoute<
  Params extends TObject = TObject<Record<never, never>>,
  Query extends TObject = TObject<Record<never, never>>,
  Body extends TObject = TObject<Record<never, never>>,
  Answer extends TSchema = never,
  P extends Policy = Policy,
>(route: RouteDefinition<Params, Query, Body, Answer, P>): AnyRoute {
  return route as unknown as AnyRoute;
}
