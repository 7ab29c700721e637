import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { Admission } from "./admission.ts";
import { noteArrival } from "./arrival.ts";
import type { EarlyRefusal } from "./refuse-early.ts";
import type { AnyRoute } from "./route.ts";

/**
 * Answers kept reads before the framework sees them. Finding the route, building a request and a reply costs more than
 * sending kept bytes; so an address that was routed once is remembered with its route. Everything that admission decides
 * (who it is, the route's policy, the caller's rate, whether kept answers may be shown) is decided here by the same
 * functions; whatever is not a plain hit of a known caller takes the ordinary way, untouched.
 */
export interface ExpressLane {
  /** True when the request, which arrived at that time of `performance.now()`, was answered. */
  answer(request: IncomingMessage, response: ServerResponse, arrivedAt: number): boolean;
  /** This address of a GET belongs to this route, whose answers are kept. */
  remember(url: string, route: AnyRoute): void;
  /** From here on everything takes the ordinary way: the server is closing and says so. */
  close(): void;
}

/** Addresses come from clients: the table starts anew rather than grow with them. */
const maxAddresses = 20_000;
const maxAddressCharacters = 1_000;

/** Creates the lane in front of an admission; `refuse` answers what the process has no room for. */
export function createExpressLane(admission: Admission, refuse: EarlyRefusal): ExpressLane {
  const routes = new Map<string, AnyRoute>();
  let open = true;
  return {
    answer(request, response, arrivedAt) {
      if (!open) return false;
      const route = request.method === "GET" ? routes.get(request.url as string) : undefined;
      if (route !== undefined && admission.answerKept(request, response, route, arrivedAt)) return true;
      return refuse(request, response, route);
    },
    remember(url, route) {
      if (url.length > maxAddressCharacters) return;
      if (routes.size >= maxAddresses) routes.clear();
      routes.set(url, route);
    },
    close() {
      open = false;
      routes.clear();
    },
  };
}

/** Fastify's own server with the lane in front; takes the same options (Fastify leaves them to a factory). */
export function createLanedServer(
  answer: ExpressLane["answer"],
  handler: RequestListener,
  options: { http?: object; keepAliveTimeout?: number; requestTimeout?: number; connectionTimeout?: number },
): Server {
  const server = createServer({ ...options.http }, (request, response) => {
    const arrivedAt = performance.now();
    if (answer(request, response, arrivedAt)) return;
    noteArrival(request, arrivedAt);
    handler(request, response);
  });
  server.keepAliveTimeout = options.keepAliveTimeout ?? server.keepAliveTimeout;
  server.requestTimeout = options.requestTimeout ?? server.requestTimeout;
  server.setTimeout(options.connectionTimeout ?? 0);
  return server;
}
