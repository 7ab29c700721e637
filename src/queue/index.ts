/** The durable queue of executions: the row of an accepted execution is its place in the queue. */
export {
  buryDeadWorkers,
  type Claim,
  type ClaimedExecution,
  claimOne,
  claimOrphans,
  claimQueued,
  controlChannel,
  queueChannel,
  readControlFlags,
  readQueueDepth,
} from "./execution-queue.ts";
export { leaseMs, processIdentity, processStart, takeLease, type WorkerLease } from "./worker-lease.ts";
