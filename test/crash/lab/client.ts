import type { ExecutionEvent } from "#contracts";
import type { History } from "./history.ts";

export interface ClientOptions {
  /** Asked before each try: the process may have moved. */
  url: () => string;
  token: string;
  history: History;
}

/** A client as it should be: repeats with the same key until it is answered, resumes streams where they broke. */
export class Client {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Sends until a 2xx or a 4xx that is final; returns status and body. Rejects when there is none within a minute. */
  async send(
    method: string,
    path: string,
    body: object | null,
    key: string,
  ): Promise<{ status: number; body: unknown }> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      // Refused or reset: the process is down.
      const answer = await this.#try(method, path, body, key).catch((error: unknown) => ({ status: 599, body: error }));
      if (answer.status < 500 && answer.status !== 409 && answer.status !== 429) return answer;
      if (answer.status === 409 && path.endsWith("/cancel") && !isInFlight(answer.body)) return answer;
      if (Date.now() > deadline) throw new Error(`${method} ${path} has no answer`, { cause: answer.body });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #try(
    method: string,
    path: string,
    body: object | null,
    key: string,
  ): Promise<{ status: number; body: unknown }> {
    const response = await fetch(this.#options.url() + path, {
      method,
      headers: {
        authorization: `Bearer ${this.#options.token}`,
        "idempotency-key": key,
        ...(body === null ? {} : { "content-type": "application/json" }),
      },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
    return { status: response.status, body: await response.json() };
  }

  /** Asks for an execution of the task until it is acknowledged, and notes that. */
  async accept(taskId: string, marker: string, budgetUsd?: number): Promise<string> {
    const key = `accept-${marker}`;
    const body = budgetUsd === undefined ? {} : { budgetUsd };
    const answer = await this.send("POST", `/api/v1/tasks/${taskId}/executions`, body, key);
    if (answer.status !== 202) throw new Error(`The execution was refused: ${JSON.stringify(answer)}`);
    const executionId = (answer.body as { execution: { id: string } }).execution.id;
    this.#options.history.acknowledged.push({ executionId, marker, idempotencyKey: key, atMs: Date.now() });
    return executionId;
  }

  /** Follows the events of an execution to their end over any number of connections; notes each, resolves with how many. */
  async follow(executionId: string, signal: AbortSignal): Promise<number> {
    let last = 0;
    let ended = false;
    while (!ended) {
      signal.throwIfAborted();
      try {
        const response = await fetch(`${this.#options.url()}/api/v1/executions/${executionId}/events`, {
          headers: {
            authorization: `Bearer ${this.#options.token}`,
            ...(last > 0 ? { "last-event-id": String(last) } : {}),
          },
          signal,
        });
        if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
        for await (const event of readEvents(response.body)) {
          if (event.seq !== last + 1) {
            this.#options.history.violations.push(`${executionId}: a reader got event ${event.seq} after ${last}`);
          }
          last = event.seq;
          this.#options.history.showed(event);
          if (event.type === "execution-end") ended = true;
        }
      } catch (error) {
        if (signal.aborted) throw error;
        // The connection broke: come back with the last number.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    return last;
  }
}

function isInFlight(body: unknown): boolean {
  return typeof body === "object" && body !== null && "code" in body && body.code === "idempotency_in_flight";
}

async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ExecutionEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true });
    for (let at = text.indexOf("\n\n"); at !== -1; at = text.indexOf("\n\n")) {
      const frame = text.slice(0, at);
      text = text.slice(at + 2);
      const data = frame.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice(6)) as ExecutionEvent;
    }
  }
}
