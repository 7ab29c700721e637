import type { TSchema } from "typebox";
import type { AnyRoute } from "#http";
import type { TestApi } from "./api-app.ts";
import { call } from "./api-client.ts";

/** Ids by what they are of (`squad` for `squadId`), and values of fields by their names. */
export type Values = Record<string, string>;

type Field = TSchema & { type?: string; enum?: string[]; pattern?: string; default?: unknown };

/** Fields that change what is asked for, and never the statement that asks. */
const sameStatement = new Set(["page", "pageSize", "limit"]);
/** After (or before) every id. */
const cursor = Buffer.alloc(16, 0xff).toString("base64url");
const year = { from: "2026-01-01", to: "2026-12-31" };

/** The values of a field that ask in different ways; none: it is left out. */
function waysOf(name: string, field: Field, values: Values): string[] {
  if (sameStatement.has(name)) return [];
  if (name === "cursor") return [cursor];
  if (field.type === "boolean") return ["true"];
  // A choice with a default is a way to sort or group: each is another statement. Others are compared with a column.
  if (field.enum !== undefined) return field.enum.slice(0, field.default === undefined ? 1 : undefined);
  const isTime = (name === "from" || name === "to") && field.pattern?.includes("T") === true;
  const value = isTime ? year[name as "from"] : (values[name] ?? values[name.replace(/Id$/, "")]);
  if (value === undefined) throw new Error(`Say what to ask for with ${name}`);
  return [value];
}

/** The address of a read with every choice of what it can be asked: with and without each field of its query. */
function addressesOf(route: AnyRoute, values: Values): string[] {
  const path = route.path.replace(/:(\w+)Id\b/g, (_, name: string) => {
    const id = values[name];
    if (id === undefined) throw new Error(`Say which ${name} to ask for`);
    return id;
  });
  let queries = [""];
  const fields = Object.entries((route.query?.properties ?? {}) as Record<string, Field>);
  for (const [name, schema] of fields) {
    const parts = waysOf(name, schema, values).map((value) => `${name}=${encodeURIComponent(value)}`);
    const isNeeded = ((route.query?.required ?? []) as string[]).includes(name) && !("default" in schema);
    queries = queries.flatMap((query) => [...(isNeeded ? [] : [query]), ...parts.map((part) => `${query}&${part}`)]);
  }
  return queries.map((query) => path + query.replace("&", "?"));
}

/**
 * Reads whatever a user can read, with every choice of what it can be asked, one after the other; `onRead` hears of each. Returns
 * how many that were.
 * @throws when an answer is neither 200 nor, of what may not be there or be asked together, 404 or 400.
 */
export async function everyRead(
  api: TestApi,
  token: string,
  values: Values,
  onRead: (url: string) => void,
): Promise<number> {
  let count = 0;
  for (const route of api.app.routeTable) {
    if (route.method !== "GET" || route.stream !== undefined || route.policy !== "user") continue;
    for (const url of addressesOf(route, values)) {
      const { status, body } = await call(api.app, "GET", url, { headers: { authorization: `Bearer ${token}` } });
      // A cursor and a first message exclude each other; not everything has a budget, not every call wrote a file.
      const refused = /cursor=.*from=/.test(url) ? 400 : /\/(budgets|file-versions|tool-calls)\//.test(url) ? 404 : 200;
      if (status !== 200 && status !== refused) throw new Error(`${url}: ${status} ${JSON.stringify(body)}`);
      onRead(url);
      count++;
    }
  }
  return count;
}
