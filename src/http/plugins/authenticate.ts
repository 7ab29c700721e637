import type { IncomingHttpHeaders } from "node:http";
import type { FastifyRequest } from "fastify";
import { type Caller, findApiKey, findSession, hashToken, type Queryable } from "#domain";

/** How a request says who it is from. */
export interface Credential {
  kind: "session" | "api_key";
  token: string;
}

/**
 * Finds the caller behind a credential. A good one is remembered for half a minute while this process hears of every
 * revocation (`hearsAll`; the answer to a revocation waits until all processes have forgotten it), and for a second while it
 * may miss one. A bad one is remembered for a second.
 */
export interface Authenticator {
  /** What is remembered: the caller, null for a credential known to be bad, undefined when the database must be asked. */
  recall(credential: Credential): Caller | null | undefined;
  /** The remembered caller behind these headers, by their very text: no parsing and no digest. Undefined: not known. */
  recallHeaders(headers: IncomingHttpHeaders): Caller | undefined;
  /** These headers carry this remembered credential. */
  noteHeaders(headers: IncomingHttpHeaders, credential: Credential): void;
  find(credential: Credential): Promise<Caller | null>;
  /** Forgets a session or key, all of a user, or everything. */
  forget(which: { credentialId: string } | { userId: string } | "all"): void;
  /** Calls `onRevoked` once the credential of an open stream is good no more; returns how to stop watching. */
  watch(credential: Credential, onRevoked: () => void): () => void;
  close(): void;
}

const rememberMs = { heard: 30_000, unheard: 1_000 };
/** From this part of that age on the next use asks anew, aside: a busy client never waits for its own credential. */
const renewFrom = 0.5;
const maxRemembered = 20_000;
/** Cookies of other programs on this host may come along: long headers are not remembered. */
const maxHeaderCharacters = 1_000;
const maxHeaders = 5_000;
/** How often the credentials of open streams are looked at; at once where they are revoked in this process. */
const watchMs = 5_000;

/** What was read of a credential; the tables of headers share it with the table of digests. */
interface Known {
  caller: Caller | null;
  /** When it was read. */
  at: number;
  credential: Credential;
  /** It is being asked for again. */
  renewing: boolean;
}

/** Name of the cookie where it can be bound to this host and to HTTPS; browsers treat loopback as secure too. */
export const secureCookie = "__Host-muster_session";
/** Name of the cookie over plain HTTP from another machine, where browsers refuse the secure one. */
export const plainCookie = "muster_session";

export interface AuthenticatorOptions {
  /** False while a revocation in another process may not be heard of here. */
  hearsAll: () => boolean;
  /** Milliseconds that never go back. */
  now?: () => number;
}

export function createAuthenticator(db: Queryable, options: AuthenticatorOptions): Authenticator {
  const { hearsAll, now = () => performance.now() } = options;
  const remembered = new Map<string, Known>();
  const asking = new Map<string, Promise<Caller | null>>();
  const watched = watchCredentials(find, (credential) => keyOf(credential).key);
  /** Credentials as they stand in headers; the text is in memory with every request anyway, here for as long as it is good. */
  const byAuthorization = new Map<string, Known>();
  const byCookie = new Map<string, Known>();
  let revocations = 0;

  function keyOf(credential: Credential): { key: string; digest: Buffer } {
    const digest = hashToken(credential.token);
    return { key: credential.kind + digest.toString("base64"), digest };
  }

  async function ask(key: string, digest: Buffer, credential: Credential): Promise<Caller | null> {
    const before = revocations;
    const caller = await (credential.kind === "session" ? findSession(db, digest) : findApiKey(db, digest));
    // What was read while something was revoked may be what was revoked: do not remember it.
    if (before === revocations) remember(key, caller, credential);
    return caller;
  }

  function remember(key: string, caller: Caller | null, credential: Credential): void {
    const known = remembered.get(key);
    if (known !== undefined) {
      // In place, so that the headers that carry it are good for longer too, or no more.
      known.caller = caller;
      known.at = now();
      return;
    }
    if (remembered.size >= maxRemembered) forgetAll();
    remembered.set(key, { caller, at: now(), credential, renewing: false });
  }

  function forgetAll(): void {
    remembered.clear();
    byAuthorization.clear();
    byCookie.clear();
  }

  /** What is still good of it; a credential in use is asked for again before it is forgotten. */
  function current(known: Known | undefined): Caller | null | undefined {
    if (known === undefined) return undefined;
    const ageMs = now() - known.at;
    const goodMs = known.caller !== null && hearsAll() ? rememberMs.heard : rememberMs.unheard;
    if (ageMs >= goodMs) return undefined;
    if (ageMs >= goodMs * renewFrom && !known.renewing && known.caller !== null) {
      known.renewing = true;
      const done = (): void => {
        known.renewing = false;
      };
      // The database is away: whoever comes once the credential is forgotten asks for himself and is told.
      find(known.credential).then(done, done);
    }
    return known.caller;
  }

  function find(credential: Credential): Promise<Caller | null> {
    const { key, digest } = keyOf(credential);
    const present = asking.get(key);
    if (present) return present;
    const promise = ask(key, digest, credential).finally(() => {
      if (asking.get(key) === promise) asking.delete(key);
    });
    asking.set(key, promise);
    return promise;
  }

  return {
    find,
    recall(credential) {
      return current(remembered.get(keyOf(credential).key));
    },
    recallHeaders({ authorization, cookie }) {
      // As in `credentialOf`: a bad Authorization header is not made good by a cookie.
      const known = authorization !== undefined ? byAuthorization.get(authorization) : byCookie.get(cookie as string);
      return current(known) ?? undefined;
    },
    noteHeaders({ authorization, cookie }, credential) {
      const known = remembered.get(keyOf(credential).key);
      const text = authorization ?? cookie;
      if (!known?.caller || text === undefined || text.length > maxHeaderCharacters) return;
      const headers = authorization !== undefined ? byAuthorization : byCookie;
      if (headers.size >= maxHeaders) headers.clear();
      headers.set(text, known);
    },
    forget(which) {
      revocations++;
      asking.clear();
      if (which === "all") forgetAll();
      byAuthorization.clear();
      byCookie.clear();
      for (const [key, { caller }] of remembered) {
        if (caller === null || which === "all") continue;
        const same = "userId" in which ? caller.userId === which.userId : caller.credentialId === which.credentialId;
        if (same) remembered.delete(key);
      }
      watched.check();
    },
    watch: watched.watch,
    close: watched.close,
  };
}

/** Looks at the credentials of open streams from time to time. */
function watchCredentials(
  find: (credential: Credential) => Promise<Caller | null>,
  keyOf: (credential: Credential) => string,
): Pick<Authenticator, "watch" | "close"> & { check(): void } {
  const watched = new Map<string, { credential: Credential; listeners: Set<() => void> }>();
  const timer = setInterval(check, watchMs);
  timer.unref();

  function check(): void {
    for (const [key, { credential, listeners }] of watched) {
      find(credential).then(
        (caller) => {
          if (caller !== null) return;
          watched.delete(key);
          for (const listener of listeners) listener();
        },
        () => undefined, // The database is away: the next look decides.
      );
    }
  }

  return {
    check,
    watch(credential, onRevoked) {
      const key = keyOf(credential);
      const entry = watched.get(key) ?? { credential, listeners: new Set() };
      watched.set(key, entry);
      entry.listeners.add(onRevoked);
      return () => {
        entry.listeners.delete(onRevoked);
        if (entry.listeners.size === 0 && watched.get(key) === entry) watched.delete(key);
      };
    },
    close: () => clearInterval(timer),
  };
}

/** The credential of a request: the Authorization header where there is one, else the cookie; null without either. */
export function credentialOf(request: FastifyRequest): Credential | null {
  const { authorization, cookie } = request.headers;
  if (authorization !== undefined) {
    const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    // Another scheme or an empty token is a bad credential, not a missing one.
    return { kind: "api_key", token: token ?? "" };
  }
  if (cookie === undefined) return null;
  const token = cookieValue(cookie, secureCookie) ?? cookieValue(cookie, plainCookie);
  return token === undefined ? null : { kind: "session", token };
}

function cookieValue(header: string, name: string): string | undefined {
  for (const part of header.split(";")) {
    const at = part.indexOf("=");
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

/**
 * True when a browser sent this write for a page of another origin. Browsers say so in Sec-Fetch-Site (secure contexts)
 * or Origin (every cross-origin write); a client that sends neither is no browser and holds no one's cookies.
 */
export function isCrossSite(request: FastifyRequest): boolean {
  const site = request.headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const { origin, host } = request.headers;
  if (origin === undefined) return false;
  try {
    return new URL(origin).host !== host;
  } catch {
    return true; // "null" and whatever else is not an origin of ours.
  }
}
