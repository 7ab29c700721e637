"use client";
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, startTransition, useEffect, useState } from "react";
import { apiQuery } from "../../lib/queries.ts";

/**
 * What stands in a page before React has taken it over: the content that the server drew into the document
 * (`web/first-view`), or the page's waiting shape. React leaves it alone while it hydrates the frame, draws the living
 * page beside it in small slices, and puts that in its place in one step. Until then it is inert: a click that nobody
 * hears would be worse than none.
 */
export function FirstView({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  // A frame that is reached by a link was not drawn by the server.
  const [taken, setTaken] = useState(
    () => typeof window !== "undefined" && document.querySelector("[data-first-view]") === null,
  );
  useEffect(() => {
    takeGivenData(client);
    startTransition(() => setTaken(true));
  }, [client]);
  if (taken) return children;
  const place = { "data-first-view": "", className: "contents", inert: true, suppressHydrationWarning: true };
  return (
    <>
      {typeof window === "undefined" ? (
        <div {...place}>{children}</div>
      ) : (
        // biome-ignore lint/security/noDangerouslySetInnerHtml: with it React keeps what stands in the document
        <div {...place} dangerouslySetInnerHTML={{ __html: "" }} />
      )}
      {/* Where the server finds the end of the place. */}
      <template data-first-view-end="" />
    </>
  );
}

/** Puts the answers that the server wrote into the document into the cache, so that the first drawing has them. */
function takeGivenData(client: QueryClient): void {
  const given = window.__musterGiven ?? {};
  delete window.__musterGiven;
  for (const [url, body] of Object.entries(given)) {
    const { queryKey } = apiQuery(url);
    if (client.getQueryData(queryKey) === undefined) client.setQueryData(queryKey, body);
    if (window.__musterEarly) delete window.__musterEarly[url];
  }
}
