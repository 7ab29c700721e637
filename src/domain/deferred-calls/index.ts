export {
  acceptDeferredCall,
  cancelDeferredCall,
  type DeferredAnswer,
  listDeferredCalls,
  readDeferredCall,
} from "./deferred-calls.ts";
export { claimDeferredCalls, type DeferredWork, endDeferredCall, renewDeferredCalls } from "./work-deferred-calls.ts";
