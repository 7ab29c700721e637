import assert from "node:assert/strict";
import type { FastifyInstance, LightMyRequestResponse } from "fastify";
import { uuidv7 } from "#db";
import { createApiKey, type Database, hashPassword } from "#domain";

export interface Answer<Body = Record<string, never>> {
  status: number;
  headers: LightMyRequestResponse["headers"];
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  body: any;
  typed: Body;
}

/** One user with an API key, and how to call the API as them. */
export interface TestUser {
  id: string;
  email: string;
  token: string;
  apiKeyId: string;
  call(method: string, url: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

/** Calls the API; the answer's body is parsed when it is JSON. */
export async function call(
  app: FastifyInstance,
  method: string,
  url: string,
  options: { body?: unknown; headers?: Record<string, string | undefined> } = {},
): Promise<Answer> {
  const headers = Object.fromEntries(Object.entries(options.headers ?? {}).filter(([, value]) => value !== undefined));
  const response = await app.inject({
    method: method as "GET",
    url,
    headers: { ...(options.body === undefined ? {} : { "content-type": "application/json" }), ...headers } as Record<
      string,
      string
    >,
    ...(options.body === undefined ? {} : { payload: JSON.stringify(options.body) }),
  });
  const isJson = /json/.test(String(response.headers["content-type"] ?? ""));
  const body = isJson && response.body !== "" ? JSON.parse(response.body) : response.body;
  return { status: response.statusCode, headers: response.headers, body, typed: body };
}

/** Makes a user with an API key, straight in the database. */
export async function createUser(
  app: FastifyInstance,
  db: Database,
  options: { name?: string; role?: "owner" | "member" } = {},
): Promise<TestUser> {
  const id = uuidv7();
  const name = options.name ?? "Test";
  const email = `${name.toLowerCase()}-${id}@example.org`;
  await db.query(
    "test_user_create",
    "INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, $2, $3, $4, $5)",
    [id, email, name, await hashPassword("a password that is long"), options.role ?? "member"],
  );
  const { token, apiKey } = await createApiKey(db, { userId: id }, "test");
  return {
    id,
    email,
    token,
    apiKeyId: apiKey.id,
    call: (method, url, body, headers) =>
      call(app, method, url, { body, headers: { authorization: `Bearer ${token}`, ...headers } }),
  };
}

/** Signs in with the password that `createUser` gave and returns the cookie. */
export async function signInCookie(app: FastifyInstance, email: string): Promise<string> {
  const answer = await call(app, "POST", "/api/v1/auth/sign-in", {
    body: { email, password: "a password that is long" },
  });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  const cookie = [answer.headers["set-cookie"]].flat()[0];
  return String(cookie).split(";", 1)[0] ?? "";
}
