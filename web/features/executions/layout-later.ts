import { elementScroll, measureElement, type Rect, type Virtualizer } from "@tanstack/react-virtual";

type List = Virtualizer<HTMLDivElement, Element>;

/**
 * How a virtual list begins without having the page laid out while React still puts it in: sizes are read, and the first
 * place is scrolled to, at the start of the frame that paints it. Of itself the virtualizer asks for the size of each row and
 * of the view, and scrolls, in the task that puts them in, which then takes twice as long. One for each list.
 */
export function layoutLater() {
  let laidOut = false;
  let beginning: (() => void) | null = null;
  const options = {
    observeElementRect(list: List, tell: (rect: Rect) => void) {
      const view = list.scrollElement;
      if (!view) return;
      const tellSize = () => tell({ width: view.clientWidth, height: view.clientHeight });
      const observer = new ResizeObserver(() => laidOut && tellSize());
      observer.observe(view);
      // Not left to the observer: the browser counts what it moves as a shift of the layout, though nobody sees it.
      const frame = requestAnimationFrame(() => {
        laidOut = true;
        const rows = [...list.elementsCache.values()].filter((row) => row.isConnected);
        // All are read before the first is moved.
        const sizes = rows.map((row) => [list.indexFromElement(row), measureElement(row, undefined, list)] as const);
        tellSize();
        for (const [index, size] of sizes) list.resizeItem(index, size);
        beginning?.();
      });
      return () => {
        cancelAnimationFrame(frame);
        observer.disconnect();
      };
    },

    /** Before the first frame a row is as high as it was estimated to be. */
    measureElement(row: Element, entry: ResizeObserverEntry | undefined, list: List) {
      return laidOut || entry
        ? measureElement(row, entry, list)
        : list.options.estimateSize(list.indexFromElement(row));
    },

    /** The first frame shows the last place that was asked for before it. */
    scrollToFn(offset: number, how: Parameters<typeof elementScroll>[1], list: List) {
      const scroll = () => elementScroll(offset, how, list);
      if (laidOut) scroll();
      else beginning = scroll;
    },
  };
  return { options, isLaidOut: () => laidOut };
}
