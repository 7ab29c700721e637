import type { Problem } from "#contracts";

/** What went wrong with a request, in words a person can act on. `code` is that of the problem document, or `network`. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly fields: { path: string; message: string }[];

  constructor(status: number, code: string, title: string, detail: string, fields: Problem["errors"] = []) {
    super(detail || title);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.title = title;
    this.fields = fields ?? [];
  }
}

interface EarlyAnswer {
  status: number;
  body: unknown;
}
declare global {
  interface Window {
    /** Answers requested by the boot script, each taken once. */
    __musterEarly?: Record<string, Promise<EarlyAnswer>>;
    /** Answers that the server wrote into the document, by address; taken by the first view. */
    __musterGiven?: Record<string, unknown>;
  }
}

/** Fired on `window` when the API says that nobody is signed in. */
export const signedOutEvent = "muster:signed-out";

/** Its `detail` where a person asked for it. */
export const askedToLeave = "asked";

/** What to say when the server does not answer. */
export const networkError = () =>
  new ApiError(0, "network", "Muster cannot be reached", "The server did not answer. It may be restarting; try again.");

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "code" in body && "title" in body;
}

/** Turns an answer's status and body into the value, or throws the `ApiError` it stands for. */
export function unwrap<Value>(status: number, body: unknown): Value {
  if (status >= 200 && status < 300) return body as Value;
  const error = isProblem(body)
    ? new ApiError(status, body.code, body.title, body.detail, body.errors)
    : new ApiError(status, "unavailable", `The server answered ${status}`, "Try again in a moment.");
  if (status === 401 && error.code === "unauthorized") window.dispatchEvent(new Event(signedOutEvent));
  throw error;
}

async function readBody(response: Response): Promise<unknown> {
  if (response.status === 204) return null;
  if (!(response.headers.get("content-type") ?? "").includes("json")) return null;
  return response.json().catch(() => null);
}

/**
 * Reads from the API; `path` starts with `/api/v1`. The first read of an address takes the answer that the boot script
 * asked for. Throws `ApiError`.
 */
export async function apiGet<Value>(path: string, signal?: AbortSignal): Promise<Value> {
  const early = window.__musterEarly?.[path];
  if (early && window.__musterEarly) {
    delete window.__musterEarly[path];
    const answer = await early.catch(() => null);
    if (answer) return unwrap<Value>(answer.status, answer.body);
  }
  let response: Response;
  try {
    response = await fetch(path, { headers: { accept: "application/json" }, ...(signal ? { signal } : {}) });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw networkError();
  }
  return unwrap<Value>(response.status, await readBody(response));
}

/** How many writes of this page the server has not answered yet. */
export const writes = { underWay: 0 };

/** Writes to the API with an Idempotency-Key, so that `attempt` can be repeated safely. Throws `ApiError`. */
export async function apiSend<Value>(
  method: "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
  idempotencyKey: string = crypto.randomUUID(),
): Promise<Value> {
  const headers: Record<string, string> = { accept: "application/json", "idempotency-key": idempotencyKey };
  if (body !== undefined) headers["content-type"] = "application/json";
  let response: Response;
  writes.underWay += 1;
  try {
    response = await fetch(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  } catch {
    throw networkError();
  } finally {
    writes.underWay -= 1;
  }
  return unwrap<Value>(response.status, await readBody(response));
}

/** The sentence to show for any thrown value. */
export function messageOf(error: unknown): string {
  if (error instanceof ApiError) {
    const fields = error.fields.map((field) => `${field.path}: ${field.message}`).join("; ");
    return fields ? `${error.message} (${fields})` : error.message;
  }
  return error instanceof Error ? error.message : "Something went wrong.";
}

/** Writes the given parameters as a query string, leaving out what is absent or empty; `""` when nothing is left. */
export function queryString(parameters: Record<string, string | number | boolean | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}
