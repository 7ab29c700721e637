import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface LoadRequest {
  method?: "GET" | "POST" | "PATCH";
  /** `{{number}}` in it becomes the number of the request in its run: an address that nobody asked for before. */
  path: string;
  headers: Record<string, string>;
  body?: string;
}

export interface HttpLoadPlan {
  origin: string;
  connections: number;
  /** Sent in turn. */
  requests: LoadRequest[];
  /** The status that is right. */
  status: number;
  warmUpMs: number;
  durationMs: number;
  /** Every request exactly once, without warm-up, whatever the duration. */
  once: boolean;
  /** How long a connection waits after a 503 or 429 before its next request. */
  refusedPauseMs: number;
}

export interface HttpLoadResult {
  perSecond: number;
  requests: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  /** Of the answers with the right status. */
  acceptedP95Ms: number;
  failed: number;
  /** Of the failed, those refused properly: 503 or 429 with Retry-After. */
  refused: number;
  /** How many answers had which status; 0 for none at all. */
  statuses: Record<string, number>;
  bytesPerAnswer: number;
}

export interface HttpLoad {
  run(plan: Partial<HttpLoadPlan> & Pick<HttpLoadPlan, "origin" | "requests">): Promise<HttpLoadResult>;
  close(): void;
}

const script = fileURLToPath(new URL("./http-load-child.ts", import.meta.url));
const defaults = { connections: 100, status: 200, warmUpMs: 500, durationMs: 2_000, once: false, refusedPauseMs: 0 };

/** A load generator in a process of its own. */
export function startHttpLoad(): HttpLoad {
  const child = fork(script, [], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  return {
    run: (plan) =>
      new Promise((resolve, reject) => {
        const onExit = () => reject(new Error("The load generator ended"));
        child.once("exit", onExit);
        child.once("message", (result) => {
          child.off("exit", onExit);
          resolve(result as HttpLoadResult);
        });
        child.send({ ...defaults, ...plan });
      }),
    close: () => {
      if (child.connected) child.send("end");
    },
  };
}
