/** Bounds of one execution; each has its own end reason. Set per squad, copied into the execution when it is accepted. */
export interface ExecutionLimits {
  maxSteps: number;
  maxLlmCalls: number;
  maxToolCalls: number;
  /** Wall time of work, pauses excluded. */
  maxDurationMs: number;
  /** Steps of one execution that run at the same time. */
  maxParallelSteps: number;
  /** How often a reviewer may send one step back. */
  maxReviewRounds: number;
}

export const defaultExecutionLimits: ExecutionLimits = {
  maxSteps: 50,
  maxLlmCalls: 200,
  maxToolCalls: 500,
  maxDurationMs: 3_600_000,
  maxParallelSteps: 4,
  maxReviewRounds: 2,
};

/** Sizes that a client can meet as an error; bytes unless the name says otherwise. */
export const sizeLimits = {
  bodyBytes: 1_048_576,
  attachmentBytes: 5_242_880,
  attachmentsPerTask: 20,
  taskBodyBytes: 12_582_912,
  avatarBytes: 5_242_880,
  avatarBodyBytes: 7_340_032,
  fileBytes: 2_097_152,
  workspaceBytes: 104_857_600,
  workspaceFiles: 2_000,
} as const;

/** How many of these a person may have: their lists come whole. Keys that were revoked do not count. */
export const countLimits = { apiKeys: 200, providerAccounts: 200 } as const;

/** One US dollar in nano-USD, the unit of all money in Muster. */
export const NANO_USD = 1_000_000_000;
