import type { Virtualizer } from "@tanstack/react-virtual";
import { type RefObject, useCallback, useLayoutEffect, useRef } from "react";
import type { LiveMessage } from "./apply-events.ts";

/** In place of an index: the reader has scrolled since. */
const released = -2;

interface Place {
  /** True once the view stands where it begins. */
  settled: RefObject<boolean>;
  /** The reader scrolls: from now on nothing moves the view to the message of the link. */
  release: () => void;
}

/**
 * Where the list begins: at its newest message, or at the one a link points at. That may be older than what is loaded: the
 * view goes there as soon as it is there, and stays with it while still older ones move it down.
 */
export function usePlace(
  messages: readonly LiveMessage[],
  target: string | null,
  virtualizer: Virtualizer<HTMLDivElement, Element>,
): Place {
  const settled = useRef(false);
  const pinned = useRef<{ id: string | null; at: number }>({ id: null, at: -1 });
  useLayoutEffect(() => {
    if (messages.length === 0) return;
    if (target !== pinned.current.id) pinned.current = { id: target, at: -1 };
    if (target && pinned.current.at !== released) {
      const at = messages.findIndex((message) => message.id === target);
      if (at >= 0 && at !== pinned.current.at) {
        pinned.current.at = at;
        settled.current = true;
        virtualizer.scrollToIndex(at, { align: "center" });
      }
    }
    // A list begins at its end by itself.
    settled.current = true;
  }, [messages, target, virtualizer]);
  const release = useCallback(() => {
    pinned.current.at = released;
  }, []);
  return { settled, release };
}
