import { randomUUID } from "node:crypto";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { AppError, sizeLimits } from "#contracts";
import { admissionDefaults, createAdmission } from "./admission.ts";
import { answerClientError, maxHeaderBytes } from "./client-error.ts";
import type { AdmissionLimits, HttpDependencies } from "./dependencies.ts";
import { createErrorHandler, sendProblem } from "./error-handler.ts";
import { createExpressLane, createLanedServer } from "./express-lane.ts";
import { handleNotFound } from "./not-found.ts";
import { type Authenticator, createAuthenticator } from "./plugins/authenticate.ts";
import { createLoadShedder } from "./plugins/load-shedding.ts";
import { openStaticUi } from "./plugins/static-ui.ts";
import { createReadStores, type ReadStores } from "./read-store.ts";
import { createEarlyRefusal } from "./refuse-early.ts";
import { registerRoutes } from "./register-routes.ts";
import { anythingTag } from "./response-cache.ts";
import type { AnyRoute } from "./route.ts";
import { createRouteTable } from "./route-table.ts";
import type { ResumableStreams } from "./sse.ts";
import { createUserChanges } from "./user-changes.ts";
import { createValidation } from "./validation.ts";

declare module "fastify" {
  interface FastifyInstance {
    /** Every route with its policy and schemas, for the security tests and the generated reference. */
    routeTable: readonly AnyRoute[];
    /** Streams whose clients come back for the rest, sent away when the server stops. */
    resumableStreams: ResumableStreams;
  }
}

/** Milliseconds. A client that sends its request slower than this is cut off, at the next look at all connections. */
const receiveDefaultMs = 30_000;
const lookEveryMs = 5_000;
const headersTimeoutMs = 10_000;
const keepAliveMs = 65_000;
/** What is still open this long after the server began to close is cut: answers that take their time. */
const drainMs = 2_000;

/** The HTTP server of Muster, ready for `listen` or `inject`. */
export async function createApp(deps: HttpDependencies): Promise<FastifyInstance> {
  const limits: AdmissionLimits = { ...admissionDefaults, ...deps.limits };
  const hearsAll = (): boolean => deps.cache.usable();
  const authenticator = createAuthenticator(deps.db, { hearsAll });
  const shedder = createLoadShedder(limits, () => deps.db.poolState().waiting);
  const admission = createAdmission(deps, authenticator, shedder, limits, (url, route) => lane.remember(url, route));
  const lane = createExpressLane(admission, createEarlyRefusal(shedder.overloaded, deps));
  const ui = deps.webRoot === null ? null : await openStaticUi(deps.webRoot);
  const changes = createUserChanges(deps);
  const routes = createRouteTable(authenticator, changes);
  const app = fastify({
    logger: false,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    trustProxy: deps.trustedProxies ?? false,
    bodyLimit: sizeLimits.bodyBytes,
    requestTimeout: deps.receiveTimeoutMs ?? receiveDefaultMs,
    keepAliveTimeout: keepAliveMs,
    forceCloseConnections: "idle",
    http: { headersTimeout: headersTimeoutMs, connectionsCheckingInterval: lookEveryMs, maxHeaderSize: maxHeaderBytes },
    serverFactory: (handler, options) => createLanedServer(lane.answer, handler, options),
    routerOptions: { maxParamLength: 1_000, ignoreDuplicateSlashes: false, ignoreTrailingSlash: false },
    exposeHeadRoutes: true,
    clientErrorHandler: answerClientError,
    return503OnClosing: true,
    frameworkErrors: (error, request, reply) => {
      sendProblem(deps, request as FastifyRequest, reply as FastifyReply, error);
    },
  });
  app.decorate("routeTable", routes);
  app.decorate("resumableStreams", new Set() as ResumableStreams);
  acceptJson(app);
  refuseUndeclared(app);
  app.addHook("onRequest", (request, reply, done) => {
    const route = request.routeOptions.config?.muster;
    if (route === undefined) {
      // Only the not-found handler has no definition; it shows nothing of anyone's.
      done(request.is404 ? undefined : new AppError("not_found", "There is nothing at this address."));
      return;
    }
    const entering = admission.admit(request, reply, route);
    if (entering === undefined) done();
    else entering.then(() => done(), done);
  });
  app.setErrorHandler(createErrorHandler(deps));
  app.setNotFoundHandler((request, reply) => handleNotFound({ deps, routes, ui }, request, reply));
  const reads = createReadStores(deps.db, {
    hearsAll,
    onError: (error) => deps.logger.warn({ err: error }, "the replica does not answer; reading from the primary"),
  });
  const unsubscribe = deps.cache.onInvalidated((tags) => noteChanges(tags, authenticator, reads));
  registerRoutes(app, routes, { deps, admission, reads }, createValidation());
  ui?.inlineWith(
    (request, url) => readAs(app, request, url),
    (error) => deps.logger.error({ err: error }, "a page's first view could not be drawn; it goes out without"),
  );
  let cut: NodeJS.Timeout | undefined;
  app.addHook("preClose", async () => {
    lane.close();
    cut = setTimeout(() => app.server.closeAllConnections(), drainMs);
    for (const stream of [...app.resumableStreams]) stream.sendAway();
  });
  app.addHook("onClose", async () => {
    clearTimeout(cut);
    unsubscribe();
    changes.close();
    reads.close();
    shedder.close();
    authenticator.close();
  });
  return app;
}

/** What else follows from changes of this or another process: revoked credentials, reads that must not lag. */
function noteChanges(tags: readonly string[], authenticator: Authenticator, reads: ReadStores): void {
  for (const tag of tags) {
    if (tag === anythingTag) {
      authenticator.forget("all");
      reads.changed("all");
      continue;
    }
    const [owner = "", rest] = tag.split(":", 2);
    if (owner === "credential" && rest !== undefined) authenticator.forget({ credentialId: rest });
    else if (owner === "user" && rest !== undefined) authenticator.forget({ userId: rest });
    else if (rest !== undefined) reads.changed(owner === "replica" ? rest : owner);
  }
}

/** Reads an address of the API with the cookie of a request, as from its address; null unless it answers 200. */
async function readAs(app: FastifyInstance, request: FastifyRequest, url: string): Promise<string | null> {
  const { cookie, host } = request.headers;
  const answer = await app.inject({ method: "GET", url, headers: { cookie, host }, remoteAddress: request.ip });
  return answer.statusCode === 200 ? answer.body : null;
}

/** JSON bodies only; `__proto__` and `constructor` in them are refused. An empty body counts as none. */
function acceptJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body.length === 0) {
      done(null, undefined);
      return;
    }
    // The default parser names the syntax error; the client needs to know that it is one.
    parse(request, body as string, (error, value) => {
      if (error === null) done(null, value);
      else
        done(
          new AppError("bad_request", `The body is not valid JSON: ${error.message}. Correct it and send it again.`),
        );
    });
  });
}

/** A route without a declared policy must not boot. */
function refuseUndeclared(app: FastifyInstance): void {
  app.addHook("onRoute", (options) => {
    const route: AnyRoute | undefined = options.config?.muster;
    if (route?.policy === undefined) {
      throw new Error(
        `The route ${String(options.method)} ${options.url} declares no policy: define it with defineRoute`,
      );
    }
  });
}
