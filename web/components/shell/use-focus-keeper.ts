import { type RefObject, useEffect } from "react";

/**
 * Keeps the keyboard's place on the page. Where what had the focus is taken away (a page left by a link of its own, a
 * choice that was made, a button that may not be pressed any more), browsers put the focus back to the very beginning:
 * then the content gets it, so that the next Tab goes on there and screen readers read what is new.
 */
export function useFocusKeeper(content: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    let last: Element | null = null;
    const note = ({ target }: FocusEvent) => {
      last = target instanceof Element ? target : null;
    };
    const isGone = () => last !== null && (!last.isConnected || last.matches(":disabled"));
    const settle = () => {
      if (!isGone() || (document.activeElement !== document.body && document.activeElement !== null)) return;
      last = null;
      content.current?.focus({ preventScroll: true });
    };
    // A frame later: dialogs and menus give the focus back themselves.
    const look = () => {
      if (isGone()) requestAnimationFrame(settle);
    };
    const observer = new MutationObserver(look);
    observer.observe(document.body, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ["disabled"],
    });
    document.addEventListener("focusin", note);
    return () => {
      observer.disconnect();
      document.removeEventListener("focusin", note);
    };
  }, [content]);
}
