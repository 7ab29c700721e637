"use client";
import { type RefObject, useCallback, useEffect, useRef } from "react";

/** As near to the end, in pixels, counts as being there. */
const nearPx = 48;

interface StickToEnd {
  /** For what scrolls, and for the one thing in it that grows. */
  log: RefObject<HTMLDivElement | null>;
  content: RefObject<HTMLDivElement | null>;
  onScroll: () => void;
  /** Goes to the end and stays there. */
  stick: () => void;
}

/**
 * Begins at the end and stays there while the content grows; lets go when the reader scrolls up, and takes hold again at
 * the end.
 */
export function useStickToEnd(): StickToEnd {
  const log = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const sticking = useRef(true);
  const lastTop = useRef(0);

  const follow = useCallback(() => {
    const element = log.current;
    if (element && sticking.current) element.scrollTop = element.scrollHeight;
  }, []);
  useEffect(() => {
    // Told before the paint, whatever made it grow: a read, a word, code that is coloured late, a field below that grew.
    const observer = new ResizeObserver(follow);
    for (const { current } of [log, content]) if (current) observer.observe(current);
    return () => observer.disconnect();
  }, [follow]);
  return {
    log,
    content,
    onScroll: () => {
      const element = log.current;
      if (!element) return;
      const { scrollTop, scrollHeight, clientHeight } = element;
      const near = scrollHeight - clientHeight - scrollTop < nearPx;
      // Only a way up lets go: what grew since the last step down is no wish of the reader's.
      if (near || scrollTop < lastTop.current) sticking.current = near;
      lastTop.current = scrollTop;
    },
    stick: () => {
      sticking.current = true;
      follow();
    },
  };
}
