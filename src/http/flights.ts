import type { FastifyReply, FastifyRequest } from "fastify";
import { arrivalOf } from "./arrival.ts";
import type { HttpDependencies } from "./dependencies.ts";
import type { FlightKind, LoadShedder } from "./plugins/load-shedding.ts";
import type { AnyRoute } from "./route.ts";

/** Counts requests: while they are in flight, and with status and time once they are over. */
export interface Flights {
  /** A request that is let in; it is over when its connection has the answer or is gone. */
  begin(request: FastifyRequest, reply: FastifyReply, route: AnyRoute): void;
  /** A request that is not let in: counted with the status that its refusal turns out to have, never timed. */
  refuse(request: FastifyRequest, reply: FastifyReply, route: AnyRoute): void;
}

/** Event streams, files and calls that wait for a provider are long: their time is not the API's. */
export function flightKind(route: AnyRoute): FlightKind {
  return route.stream === undefined && !route.waitsForProvider ? "short" : "long";
}

/** Creates the counters of one process. */
export function createFlights({ metrics }: Pick<HttpDependencies, "metrics">, shedder: LoadShedder): Flights {
  function observe(request: FastifyRequest, reply: FastifyReply, route: AnyRoute, durationMs: number | null): void {
    metrics.observeHttp({ method: request.method, route: route.path, status: reply.raw.statusCode, durationMs });
  }

  return {
    begin(request, reply, route) {
      const kind = flightKind(route);
      // An event stream stays open for hours and costs next to nothing: counted, a few hundred watchers would shut the API.
      const counted = route.stream !== "text/event-stream";
      if (counted) {
        shedder.begin(kind);
        metrics.httpInFlight(1);
      }
      reply.raw.once("close", () => {
        if (counted) {
          shedder.end(kind);
          metrics.httpInFlight(-1);
        }
        // How long a model thinks or a client reads says nothing about the API; that it was answered, and how, does.
        observe(request, reply, route, kind === "long" ? null : performance.now() - arrivalOf(request.raw));
      });
    },
    refuse(request, reply, route) {
      reply.raw.once("close", () => observe(request, reply, route, null));
    },
  };
}
