export { type CancelBatchJobOutcome, cancelBatchJob, listBatchJobs } from "./batch-jobs.ts";
