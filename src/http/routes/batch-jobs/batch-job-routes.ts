import { BatchJobAnswer, BatchJobListQuery, BatchJobPage, BatchJobParams } from "#contracts";
import { cancelBatchJob, listBatchJobs } from "#domain";
import { expectOk } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";

const tag = "usage";

/** Deferred calls as they stand in batches at their providers. */
export function batchJobRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/batch-jobs",
      operationId: "listBatchJobs",
      tag,
      summary: "Batches of deferred calls with state, counts and deadline, newest first",
      policy: "user",
      query: BatchJobListQuery,
      answer: BatchJobPage,
      handle: ({ db, caller, query }) => listBatchJobs(db, caller, query),
    }),
    defineRoute({
      method: "POST",
      path: "/api/v1/batch-jobs/:batchJobId/cancel",
      operationId: "cancelBatchJob",
      tag,
      summary: "Cancels a batch: its calls end, its provider is told; what was done of it by then is billed",
      policy: "user",
      params: BatchJobParams,
      answer: BatchJobAnswer,
      handle: async ({ db, caller, params }) => {
        const { batchJob } = expectOk(await cancelBatchJob(db, caller, params.batchJobId));
        return { batchJob };
      },
    }),
  ];
}
