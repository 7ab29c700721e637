import { type CollisionDetection, closestCorners, type KeyboardCoordinateGetter } from "@dnd-kit/core";
import { sortableKeyboardCoordinates } from "@dnd-kit/sortable";
import { boardColumns } from "./board-order.ts";

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

const holds = ({ left, top, width, height }: Box, x: number, y: number) =>
  x >= left && x <= left + width && y >= top && y <= top + height;

/**
 * What a dragged task is over: the card or else the column under the pointer (with the keyboard: under its middle). The
 * nearest corners decide only between columns: a high empty one is farther by its corners than the card's own old place.
 */
export const boardCollision: CollisionDetection = (options) => {
  const { collisionRect, droppableRects, droppableContainers, pointerCoordinates } = options;
  const x = pointerCoordinates?.x ?? collisionRect.left + collisionRect.width / 2;
  const y = pointerCoordinates?.y ?? collisionRect.top + Math.min(collisionRect.height, 40) / 2;
  const under = droppableContainers
    .flatMap((container) => {
      const box = droppableRects.get(container.id);
      return box && holds(box, x, y) ? [{ id: container.id, area: box.width * box.height, container }] : [];
    })
    .sort((one, other) => one.area - other.area);
  if (under.length === 0) return closestCorners(options);
  return under.map(({ id, area, container }) => ({ id, data: { droppableContainer: container, value: area } }));
};

const insetPx = 4;

/** Where an arrow takes a lifted task: left and right to the next column, at its height there; up and down past a card. */
export const boardCoordinates: KeyboardCoordinateGetter = (event, options) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.code];
  if (step === undefined) return sortableKeyboardCoordinates(event, options);
  event.preventDefault();
  const { collisionRect, droppableRects } = options.context;
  if (!collisionRect) return undefined;
  const middle = collisionRect.left + collisionRect.width / 2;
  const at = boardColumns.findIndex((column) => {
    const box = droppableRects.get(column);
    return box !== undefined && middle >= box.left && middle <= box.right;
  });
  const next = boardColumns[at + step];
  const box = at < 0 || next === undefined ? undefined : droppableRects.get(next);
  if (!box) return undefined;
  const lowest = Math.max(box.top, box.bottom - collisionRect.height);
  return { x: box.left + insetPx, y: Math.min(Math.max(options.currentCoordinates.y, box.top + insetPx), lowest) };
};
