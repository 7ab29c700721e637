import { type ComponentType, createElement, use, useState } from "react";

/**
 * Asks for a script as soon as the page's own script runs, not when it is first used. Returns when it has arrived, or
 * failed: a failure shows where it is used, which asks for it again. On the server it does nothing, and returns null.
 */
export function loadEarly(load: () => Promise<unknown>): Promise<unknown> | null {
  if (typeof window === "undefined") return null;
  return load().catch(() => undefined);
}

/**
 * A part that the page shows at once though its script is loaded on demand: asked for early, and drawn without its waiting
 * shape in between where it is there already. `Lazy` is the same part by `next/dynamic`, for when it is not.
 */
export function earlyPart<Props extends object>(
  load: () => Promise<{ default: ComponentType<Props> }>,
  Lazy: ComponentType<Props>,
): ComponentType<Props> {
  let loaded: ComponentType<Props> | null = null;
  const loading = loadEarly(async () => {
    loaded = (await load()).default;
  });
  function Settled(props: Props) {
    // Which of the two is settled when it is first drawn: a change would begin the part anew.
    const [Part] = useState(() => loaded ?? Lazy);
    return createElement(Part, props);
  }
  return function EarlyPart(props: Props) {
    // While what the server drew still stands, it stays until the part is there: a waiting shape after it would be a step
    // back. No hook beside this one: when React draws again the condition is another, and it would fail (its error 467).
    if (!loaded && loading && document.querySelector("[data-first-view]")) use(loading);
    return createElement(Settled, props);
  };
}
