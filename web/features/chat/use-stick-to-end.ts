"use client";
import { type RefObject, useCallback, useEffect, useRef } from "react";

/** As near to the end, in pixels, counts as being there. */
const nearPx = 48;

interface StickToEnd {
  /** For what scrolls, and for the one thing in it that grows. */
  log: RefObject<HTMLDivElement | null>;
  content: RefObject<HTMLDivElement | null>;
  onScroll: () => void;
  onScrollEnd: () => void;
  /** Goes to the end and stays there. */
  stick: () => void;
  /** To be called before the paint in which something came in above: what the reader sees stays where it is. */
  grewAbove: () => void;
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
  const lastEnd = useRef(0);
  // Where the end was when the reader's scrolling began: that is as far as it can come, however fast the content grows.
  const goal = useRef<number | null>(null);

  const follow = useCallback(() => {
    const element = log.current;
    if (!element) return;
    lastEnd.current = element.scrollHeight - element.clientHeight;
    if (sticking.current) element.scrollTop = element.scrollHeight;
  }, []);
  useEffect(() => {
    // Told before the paint, whatever made it grow: a read, a word, code that is coloured late, a field below that grew.
    const observer = new ResizeObserver(follow);
    for (const { current } of [log, content]) if (current) observer.observe(current);
    return () => observer.disconnect();
  }, [follow]);
  const grewAbove = useCallback(() => {
    const element = log.current;
    if (!element || sticking.current) return;
    const end = element.scrollHeight - element.clientHeight;
    element.scrollTop = end - (lastEnd.current - lastTop.current);
    lastTop.current = element.scrollTop;
    lastEnd.current = end;
    goal.current = null;
  }, []);
  return {
    grewAbove,
    log,
    content,
    onScroll: () => {
      const element = log.current;
      if (!element) return;
      const { scrollTop, scrollHeight, clientHeight } = element;
      const end = scrollHeight - clientHeight;
      goal.current ??= lastEnd.current;
      const near = end - scrollTop < nearPx;
      const arrived = scrollTop > lastTop.current && goal.current - scrollTop < nearPx;
      // Only a way up lets go: what grew since the last step down is no wish of the reader's.
      if (near || arrived) sticking.current = true;
      else if (scrollTop < lastTop.current) sticking.current = false;
      lastTop.current = scrollTop;
      lastEnd.current = end;
      if (arrived && !near) follow();
    },
    onScrollEnd: () => {
      goal.current = null;
    },
    stick: () => {
      sticking.current = true;
      follow();
    },
  };
}
