import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FloorPlan } from "./http-floor-child.ts";

const script = fileURLToPath(new URL("./http-floor-child.ts", import.meta.url));

/** Starts the floor server in a process of its own, as Muster is. */
export async function startHttpFloor(plan: FloorPlan): Promise<{ origin: string; pid: number; close(): void }> {
  const child = fork(script, [], { stdio: ["ignore", "inherit", "inherit", "ipc"], serialization: "advanced" });
  child.send(plan);
  const origin = await new Promise<string>((resolve, reject) => {
    child.once("message", (message) => resolve(String(message)));
    child.once("exit", () => reject(new Error("The floor server ended")));
  });
  return { origin, pid: child.pid ?? 0, close: () => child.disconnect() };
}
