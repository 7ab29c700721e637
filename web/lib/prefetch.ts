import type { QueryClient } from "@tanstack/react-query";
// Not the contracts as a whole: their schemas would be on every page.
import { fillIn } from "../../src/contracts/fill-in.ts";
import { firstData } from "./first-data.ts";
import { apiQuery } from "./queries.ts";

/** What a page loads on demand and shows at once, by its path. */
const pageParts: [path: RegExp, load: () => Promise<unknown>][] = [
  [/^\/squads\/[^/]+$/, () => import("../features/squads/squad-builder.tsx")],
  [/^\/projects\/[^/]+$/, () => import("../features/tasks/board.tsx")],
  [/^\/executions\/[^/]+$/, () => import("../features/executions/execution-viewer.tsx")],
  [/^\/executions\/[^/]+$/, () => import("../features/executions/follow-into-cache.ts")],
  [/^\/chat$/, () => import("../features/chat/chat.tsx")],
];

/** Fetches the scripts of those parts, which nobody asks for before the page's own script has run. Once there, they stay. */
export function prefetchParts(href: string): void {
  const [path = href] = href.split(/[?#]/);
  // A script that did not come is asked for again by the page itself, which says so if it fails once more.
  for (const [page, load] of pageParts) if (page.test(path)) load().catch(() => undefined);
}

/** Fetches what the page behind a link shows first, unless it is there already. Failures wait for the page itself. */
export function prefetchPage(client: QueryClient, href: string): void {
  if (href.includes("?")) return;
  const path = href.split("#")[0] ?? href;
  for (const entry of firstData) {
    const match = new RegExp(entry.page).exec(path);
    if (!match) continue;
    for (const url of entry.urls) {
      const address = fillIn(url, match, new Date());
      // Messages page by cursor and are kept with the live stream: the viewer fetches them itself.
      if (!address.includes("/messages")) void client.prefetchQuery(apiQuery(address));
    }
  }
}
