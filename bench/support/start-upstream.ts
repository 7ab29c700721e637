import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A local provider in a process of its own. */
export interface Upstream {
  /** What OPENAI_BASE_URL takes. */
  baseUrl: string;
  counts(): Promise<{ calls: number; underWay: number }>;
  close(): void;
}

/** Names that the provider's plan gives the steps to: a squad for the bench has these members. */
export const upstreamOwners = ["Ada", "Ben", "Cem"] as const;

const script = fileURLToPath(new URL("./upstream-child.ts", import.meta.url));

/** Starts a provider that answers in `delayMs`, with 200 tokens in 25 chunks unless told otherwise. */
export async function startUpstream(delayMs: number, chunks = 25, tokensPerChunk = 8): Promise<Upstream> {
  const child = fork(script, [delayMs, chunks, tokensPerChunk].map(String), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    async counts() {
      child.send("counts");
      const [counts] = (await once(child, "message")) as [{ calls: number; underWay: number }];
      return counts;
    },
    close: () => child.disconnect(),
  };
}
