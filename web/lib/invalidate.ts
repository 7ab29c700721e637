import type { QueryClient } from "@tanstack/react-query";

/** Marks every read whose address begins with one of the given (`/squads`, `/dashboard`) as stale; those shown reload. */
export function invalidate(client: QueryClient, ...prefixes: string[]): Promise<void> {
  return client.invalidateQueries({
    predicate: ({ queryKey: [path] }) =>
      typeof path === "string" && prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`)),
  });
}
