import type { FastifyReply, FastifyRequest } from "fastify";
import { sessionDays } from "#domain";
import { plainCookie, secureCookie } from "./authenticate.ts";

const attributes = "Path=/; HttpOnly; SameSite=Lax";
const loopback = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i;

/**
 * Whether the browser will keep a Secure cookie: over HTTPS, also behind a proxy that ends it, or on this machine. The
 * headers can be forged, but only towards a stricter cookie for the forger's own browser.
 */
function isSecure(request: FastifyRequest): boolean {
  return (
    request.headers.origin?.startsWith("https://") === true ||
    request.headers["x-forwarded-proto"] === "https" ||
    loopback.test(request.headers.host ?? "")
  );
}

/** Hands the session's token to the browser. */
export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, token: string): void {
  const maxAge = `Max-Age=${sessionDays * 86_400}`;
  const cookie = isSecure(request)
    ? `${secureCookie}=${token}; ${attributes}; ${maxAge}; Secure`
    : `${plainCookie}=${token}; ${attributes}; ${maxAge}`;
  reply.header("set-cookie", cookie);
}

/** Takes the session's token from the browser, under both names. */
export function clearSessionCookie(reply: FastifyReply): void {
  reply.header("set-cookie", [
    `${secureCookie}=; ${attributes}; Max-Age=0; Secure`,
    `${plainCookie}=; ${attributes}; Max-Age=0`,
  ]);
}
