"use client";
import { usePathname, useRouter } from "next/navigation";
import { useCallback, useLayoutEffect, useSyncExternalStore } from "react";
import { useHydrated } from "./use-hydrated.ts";

/**
 * The id in the path (`/squads/ID` → ID); null until the document is hydrated. One static page serves all ids, so the
 * router's own parameter is a placeholder.
 */
export function useRouteId(): string | null {
  const pathname = usePathname();
  const hydrated = useHydrated();
  const id = pathname.split("/")[2];
  return hydrated && id && id !== "_" ? id : null;
}

const searchChanged = "muster:search-changed";
function subscribeSearch(notify: () => void) {
  window.addEventListener("popstate", notify);
  window.addEventListener(searchChanged, notify);
  return () => {
    window.removeEventListener("popstate", notify);
    window.removeEventListener(searchChanged, notify);
  };
}

/**
 * What a change is for the browser's Back: `push` is a step that Back undoes (something was opened), `replace` is none (a
 * filter, while it is typed); `back` takes such a step back where there was one.
 */
type Step = "replace" | "push" | "back";

/** In the state of history entries that a `push` made. */
const pushed = { musterPushed: true };

/** The page's query string as state: read it, and change single parameters without leaving the page. */
export function useSearchState(): [URLSearchParams, (changes: Record<string, string | null>, step?: Step) => void] {
  const search = useSyncExternalStore(
    subscribeSearch,
    () => window.location.search,
    () => "",
  );
  const change = useCallback((changes: Record<string, string | null>, step: Step = "replace") => {
    const { state } = window.history as { state: Partial<typeof pushed> | null };
    if (step === "back" && state?.musterPushed) {
      window.history.back();
      return;
    }
    const next = new URLSearchParams(window.location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === "") next.delete(name);
      else next.set(name, value);
    }
    const text = next.toString() ? `?${next}` : "";
    const url = `${window.location.pathname}${text}${window.location.hash}`;
    if (step === "push" && text !== window.location.search) window.history.pushState(pushed, "", url);
    else window.history.replaceState(state?.musterPushed ? pushed : null, "", url);
    window.dispatchEvent(new Event(searchChanged));
  }, []);
  return [new URLSearchParams(search), change];
}

/**
 * Sets the document's title to something known only at run time, and keeps it: Next's own title for the page may come after
 * it. In a layout effect, so that it lets go before the next page's title is seen.
 */
export function useTitle(title: string | undefined): void {
  useLayoutEffect(() => {
    if (!title) return;
    document.title = `${title} · Muster`;
    // As the browser tells it, without spaces that it leaves out: compared with anything else it would never be the same.
    const wanted = document.title;
    const keep = () => {
      if (document.title !== wanted) document.title = wanted;
    };
    const observer = new MutationObserver(keep);
    observer.observe(document.head, { childList: true, subtree: true, characterData: true });
    return () => observer.disconnect();
  }, [title]);
}

/** Goes to a page and tells when the way there is known. */
export function useGo(): (href: string) => void {
  const router = useRouter();
  return useCallback((href: string) => router.push(href), [router]);
}
