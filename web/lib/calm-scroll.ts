const restMs = 150;
let timer: ReturnType<typeof setTimeout> | undefined;

/**
 * To be called while somebody scrolls by hand: until they rest, what turns and pulses stands still and nothing in the
 * scrolled list is pointed at (`[data-scrolling]` in globals.css). What each of the two
 * costs a slow machine: ADR 0092.
 */
export function calmScroll(): void {
  document.documentElement.dataset.scrolling = "";
  clearTimeout(timer);
  timer = setTimeout(() => {
    delete document.documentElement.dataset.scrolling;
  }, restMs);
}

/** True while somebody scrolls by hand, and for a moment after. */
export function isScrolledByHand(): boolean {
  return document.documentElement.dataset.scrolling !== undefined;
}
