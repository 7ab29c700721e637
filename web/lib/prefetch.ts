import type { QueryClient } from "@tanstack/react-query";
// Not the contracts as a whole: their schemas would be on every page.
import { fillIn } from "../../src/contracts/fill-in.ts";
import { firstData } from "./first-data.ts";
import { apiQuery } from "./queries.ts";

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
