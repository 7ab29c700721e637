import { elementScroll, measureElement, type Rect, type Virtualizer } from "@tanstack/react-virtual";

type List = Virtualizer<HTMLDivElement, Element>;

/**
 * How a virtual list reads and writes sizes without having the page laid out while React still puts it in: the browser does
 * that once, in the next frame, and tells what came of it before it paints. Of itself the virtualizer asks for the size of
 * each row and of the view, and scrolls, in the same task, which then takes twice as long. One for each list.
 */
export function layoutLater() {
  let painted = false;
  let beginning: (() => void) | null = null;
  const options = {
    observeElementRect(list: List, tell: (rect: Rect) => void) {
      const observer = new ResizeObserver((entries) => {
        const box = entries.at(-1)?.contentRect;
        if (box) tell({ width: Math.round(box.width), height: Math.round(box.height) });
      });
      if (list.scrollElement) observer.observe(list.scrollElement);
      return () => observer.disconnect();
    },

    /** Without an entry of the observer: the size that the row was measured or estimated to have. */
    measureElement(row: Element, entry: ResizeObserverEntry | undefined, list: List) {
      if (entry) return measureElement(row, entry, list);
      const index = list.indexFromElement(row);
      return list.itemSizeCache.get(list.options.getItemKey(index)) ?? list.options.estimateSize(index);
    },

    /** The first frame goes to the last place that was asked for before it. */
    scrollToFn(offset: number, how: Parameters<typeof elementScroll>[1], list: List) {
      if (painted) return elementScroll(offset, how, list);
      if (!beginning) {
        requestAnimationFrame(() => {
          painted = true;
          beginning?.();
        });
      }
      beginning = () => elementScroll(offset, how, list);
    },
  };
  return { options, isPainted: () => painted };
}
