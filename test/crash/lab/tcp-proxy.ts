import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** What the proxy does to the bytes of one direction. */
export type Toxic =
  /** Every piece comes this much later. */
  | { kind: "latency"; delayMs: number }
  | { kind: "bandwidth"; bytesPerSecond: number }
  /** The end of the connection is passed on this much later. */
  | { kind: "slow-close"; delayMs: number }
  /** Nothing comes through any more, and nobody is told. */
  | { kind: "time-out" }
  /** The connection is reset at the first byte. */
  | { kind: "reset" }
  /** Each piece is cut into pieces of this size. */
  | { kind: "sliced"; bytes: number }
  /** After this many bytes the connection is reset. */
  | { kind: "cut-after"; bytes: number };

export interface TcpProxy {
  port: number;
  /** Where new connections go. */
  setTarget(host: string, port: number): void;
  /** Poisons a direction of all connections, the open ones included; null takes it away. */
  setToxic(direction: "up" | "down", toxic: Toxic | null): void;
  /**
   * Lets the next request that holds `pattern` through to the server, waits for the first bytes of the answer and drops
   * them with the connection: what was asked for is done, nobody knows. Resolves when it has happened.
   */
  loseAnswerTo(pattern: string): Promise<void>;
  /** Resets every open connection; returns how many. */
  cutAll(): number;
  connections(): number;
  close(): Promise<void>;
}

interface Pipe {
  client: Socket;
  server: Socket;
  passed: { up: number; down: number };
  /** The answer that comes next is to be lost. */
  lose: (() => void) | null;
  /** Keeps pieces in order whatever their delay. */
  queue: { up: Promise<void>; down: Promise<void> };
}

/** Starts a proxy on a free loopback port. */
export async function startTcpProxy(host: string, port: number): Promise<TcpProxy> {
  let target = { host, port };
  const toxics: { up: Toxic | null; down: Toxic | null } = { up: null, down: null };
  const pipes = new Set<Pipe>();
  const losing: { pattern: string; done: () => void }[] = [];

  function cut(pipe: Pipe): void {
    pipes.delete(pipe);
    pipe.client.resetAndDestroy();
    pipe.server.destroy();
  }

  async function pass(pipe: Pipe, direction: "up" | "down", piece: Buffer): Promise<void> {
    const to = direction === "up" ? pipe.server : pipe.client;
    const toxic = toxics[direction];
    switch (toxic?.kind) {
      case "latency":
        await new Promise((resolve) => setTimeout(resolve, toxic.delayMs));
        break;
      case "bandwidth":
        await new Promise((resolve) => setTimeout(resolve, (piece.length / toxic.bytesPerSecond) * 1_000));
        break;
      case "time-out":
        return;
      case "reset":
        cut(pipe);
        return;
      case "sliced":
        for (let at = 0; at < piece.length; at += toxic.bytes) {
          to.write(piece.subarray(at, at + toxic.bytes));
          await new Promise((resolve) => setImmediate(resolve));
        }
        return;
      case "cut-after": {
        const room = toxic.bytes - pipe.passed[direction];
        pipe.passed[direction] += piece.length;
        if (piece.length <= room) break;
        to.write(piece.subarray(0, Math.max(0, room)), () => cut(pipe));
        return;
      }
      default:
    }
    if (!to.destroyed) to.write(piece);
  }

  function attach(client: Socket): void {
    const server = connect(target.port, target.host);
    const pipe: Pipe = {
      client,
      server,
      passed: { up: 0, down: 0 },
      lose: null,
      queue: { up: Promise.resolve(), down: Promise.resolve() },
    };
    pipes.add(pipe);
    const gone = () => {
      pipes.delete(pipe);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      // A reset of one side is a reset of the other.
      socket.on("error", gone);
      socket.on("close", gone);
    }
    client.on("data", (piece: Buffer) => {
      const index = losing.findIndex((one) => piece.includes(one.pattern));
      const [found] = index === -1 ? [] : losing.splice(index, 1);
      if (found) pipe.lose = found.done;
      pipe.queue.up = pipe.queue.up.then(() => pass(pipe, "up", piece));
    });
    server.on("data", (piece: Buffer) => {
      if (pipe.lose) {
        const done = pipe.lose;
        pipe.lose = null;
        cut(pipe);
        done();
        return;
      }
      pipe.queue.down = pipe.queue.down.then(() => pass(pipe, "down", piece));
    });
    const finish = (direction: "up" | "down", to: Socket) => () => {
      const toxic = toxics[direction];
      const wait = toxic?.kind === "slow-close" ? toxic.delayMs : 0;
      void pipe.queue[direction].then(() => setTimeout(() => to.end(), wait));
    };
    client.on("end", finish("up", server));
    server.on("end", finish("down", client));
  }

  const listener = createServer({ allowHalfOpen: true }, attach).listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    port: (listener.address() as AddressInfo).port,
    setTarget(nextHost, nextPort) {
      target = { host: nextHost, port: nextPort };
    },
    setToxic(direction, toxic) {
      toxics[direction] = toxic;
    },
    loseAnswerTo: (pattern) => new Promise((done) => losing.push({ pattern, done })),
    cutAll() {
      const open = [...pipes];
      for (const pipe of open) cut(pipe);
      return open.length;
    },
    connections: () => pipes.size,
    async close() {
      for (const pipe of [...pipes]) cut(pipe);
      listener.close();
      await once(listener, "close");
    },
  };
}
