import { AppError, type ErrorCode, errorTable, type Problem } from "#contracts";
import { LlmError, toAppError } from "#llm";

/** Where the codes are explained. */
const typeBase = "/docs/errors#";

/** The problem document (RFC 9457) of an error; `instance` is the request's id. */
export function problemOf(error: AppError, requestId: string): Problem {
  return {
    type: typeBase + error.code,
    title: errorTable[error.code].title,
    status: error.status,
    code: error.code,
    detail: error.message,
    instance: `urn:uuid:${requestId}`,
    ...error.extra,
  };
}

const fastifyCodes: Record<string, { code: ErrorCode; detail: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: {
    code: "payload_too_large",
    detail: "Send at most 1 MB; a task with its attachments may have 12 MB.",
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: "unsupported_media_type",
    detail: "Send the body as JSON with the header Content-Type: application/json.",
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: "bad_request",
    detail: "The body is not as long as Content-Length says; send it again.",
  },
  FST_ERR_BAD_URL: { code: "bad_request", detail: "The address is not valid percent-encoding; correct it." },
  FST_ERR_ASYNC_CONSTRAINT: { code: "bad_request", detail: "The request's headers are not usable." },
};

/** SQLSTATEs and socket errors that mean: the database cannot be used now. */
const awayCodes = /^(08\d{3}|57P0[123]|53300|57014|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT)$/;
const fullCodes = new Set(["ENOSPC", "EDQUOT", "53100"]);

/** A database that is reached by its socket, whose server does not run. */
function isSocketGone(thrown: unknown): boolean {
  return codeOf(thrown) === "ENOENT" && thrown instanceof Error && "syscall" in thrown && thrown.syscall === "connect";
}

/**
 * What the client reads of anything that was thrown. Faults of our own say nothing of what happened inside; the log has
 * it under the same instance.
 */
export function toClientError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  if (thrown instanceof LlmError) return toAppError(thrown);
  const code = codeOf(thrown);
  const known = fastifyCodes[code];
  if (known) return new AppError(known.code, known.detail, { cause: thrown });
  if (fullCodes.has(code)) {
    return new AppError("storage_full", "Nothing was changed. Free space on the server's disk, then try again.", {
      cause: thrown,
      retryAfterSeconds: 30,
    });
  }
  if (awayCodes.test(code) || isPoolTimeout(thrown) || isSocketGone(thrown)) {
    return new AppError("unavailable", "The database cannot be reached right now. Try again in a moment.", {
      cause: thrown,
      retryAfterSeconds: 2,
    });
  }
  if (isCommitUnknown(thrown)) {
    return new AppError(
      "unavailable",
      "The connection to the database was lost while saving: look whether it was saved, or repeat with the same Idempotency-Key.",
      { cause: thrown, retryAfterSeconds: 1 },
    );
  }
  // PostgreSQL cannot store NUL in text (22021, 22P05): nothing else of a checked request can bring these about.
  if (code === "22021" || code === "22P05") {
    return new AppError("validation_failed", "Text must not contain the character U+0000.", { cause: thrown });
  }
  if (code === "40001" || code === "40P01" || code === "55P03") {
    return new AppError("conflict", "Someone changed the same thing at the same moment. Try again.", {
      cause: thrown,
      retryAfterSeconds: 1,
    });
  }
  if (code === "23503") {
    return new AppError("conflict", "Something this refers to was deleted in the same moment. Read it again.", {
      cause: thrown,
    });
  }
  return new AppError(
    "internal_error",
    "The fault is logged under this instance. Try again; tell your operator if it stays.",
    {
      cause: thrown,
    },
  );
}

function codeOf(thrown: unknown): string {
  return typeof thrown === "object" && thrown !== null && "code" in thrown ? String(thrown.code) : "";
}

function isPoolTimeout(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Cannot use a pool after/.test(
      thrown.message,
    )
  );
}

function isCommitUnknown(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "CommitUnknownError";
}
