import type { FrameSink, GatewayCall, GatewayHandler } from "../call-state.ts";
import type { LlmReply } from "../types.ts";

/** Contract: resolves with the answer of the provider's batch, or with that of `live` once the call's time is up. */
export interface EconomyLane {
  complete(call: GatewayCall, onFrame: FrameSink, live: GatewayHandler): Promise<LlmReply>;
  close(): Promise<void>;
}
