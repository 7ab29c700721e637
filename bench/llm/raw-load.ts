import { connect, type Socket } from "node:net";

/*
 * The load of the gateway's bench: HTTP/1.1 on plain sockets with prepared bytes, since any client library would cost
 * more than what is measured.
 */

export interface LoadOptions {
  port: number;
  path: string;
  /** Body of the n-th request. */
  body: (index: number) => string;
  concurrency: number;
  /** Stop after this many requests or this time, whichever comes first. */
  requests?: number;
  durationMs?: number;
}

export interface LoadResult {
  requests: number;
  seconds: number;
  perSecond: number;
  /** Milliseconds, sorted: whole answers, and first bytes of content. */
  latencies: number[];
  firstBytes: number[];
  failures: number;
}

export function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

class Connection {
  readonly #socket: Socket;
  #received = "";
  #sentAt = 0;
  #firstAt = 0;
  #done: ((ok: boolean) => void) | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#read(text));
    socket.on("error", () => this.#done?.(false));
    socket.on("close", () => this.#done?.(false));
  }

  send(bytes: string): Promise<{ ok: boolean; totalMs: number; firstMs: number }> {
    return new Promise((resolve) => {
      this.#received = "";
      this.#firstAt = 0;
      this.#sentAt = performance.now();
      this.#done = (ok) => {
        this.#done = null;
        resolve({ ok, totalMs: performance.now() - this.#sentAt, firstMs: this.#firstAt - this.#sentAt });
      };
      this.#socket.write(bytes);
    });
  }

  close(): void {
    this.#done = null;
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#received += text;
    const headEnd = this.#received.indexOf("\r\n\r\n");
    if (headEnd === -1) return;
    // The first content of a stream, not its headers nor the opening with the role.
    if (this.#firstAt === 0 && this.#received.includes("word0", headEnd)) this.#firstAt = performance.now();
    const length = /content-length: (\d+)/i.exec(this.#received.slice(0, headEnd));
    const ended =
      length === null ? this.#received.endsWith("0\r\n\r\n") : this.#received.length >= headEnd + 4 + Number(length[1]);
    if (ended) this.#done?.(this.#received.startsWith("HTTP/1.1 200"));
  }
}

function open(port: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(new Connection(socket)));
    socket.once("error", reject);
  });
}

/** Runs a closed load: each connection sends its next request when the last is answered. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const connections = await Promise.all(Array.from({ length: options.concurrency }, () => open(options.port)));
  const latencies: number[] = [];
  const firstBytes: number[] = [];
  let next = 0;
  let failures = 0;
  const startedAt = performance.now();
  const endsAt = startedAt + (options.durationMs ?? Number.POSITIVE_INFINITY);
  const most = options.requests ?? Number.POSITIVE_INFINITY;
  await Promise.all(
    connections.map(async (connection) => {
      while (next < most && performance.now() < endsAt) {
        const body = options.body(next);
        next += 1;
        const bytes = `POST ${options.path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer mst_bench\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
        const { ok, totalMs, firstMs } = await connection.send(bytes);
        if (!ok) failures += 1;
        latencies.push(totalMs);
        firstBytes.push(firstMs);
        if (!ok) break;
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  for (const connection of connections) connection.close();
  latencies.sort((a, b) => a - b);
  firstBytes.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    seconds,
    perSecond: latencies.length / seconds,
    latencies,
    firstBytes,
    failures,
  };
}
