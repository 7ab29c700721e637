export {
  acceptDeferredCall,
  cancelDeferredCall,
  type DeferredAnswer,
  listDeferredCalls,
  readDeferredCall,
} from "./deferred-calls.ts";
export {
  claimDeferredCalls,
  type DeferredEnd,
  type DeferredWork,
  endDeferredCall,
  renewDeferredCalls,
  sweepDeferredCalls,
} from "./work-deferred-calls.ts";
