import { AppError } from "#contracts";

/** A page by number, as the API shows it. */
export interface OffsetPage<Item> {
  data: Item[];
  page: number;
  pageSize: number;
  total: number;
  pages: number;
}

/** A page by key; `nextCursor` is null on the last one. */
export interface CursorPage<Item> {
  data: Item[];
  nextCursor: string | null;
}

/** The rows to skip before a page; pages count from 1. */
export function offsetOf(page: number, pageSize: number): number {
  return (page - 1) * pageSize;
}

/** Words as a pattern of LIKE that finds them anywhere, taken as they are: `%` and `_` stand for themselves. */
export function likeAnywhere(words: string): string {
  return `%${words.replace(/[\\%_]/g, "\\$&")}%`;
}

/**
 * Builds a page from rows that carry `total`, a count beside the page in the same statement (and not `count(*) OVER ()`, for which
 * all rows of the list are read with their texts; ADR 0116). A page beyond the end has no row and so no total:
 * `countAll` is asked then, and only then.
 */
export async function offsetPage<Row extends { total: number }, Item>(
  rows: readonly Row[],
  position: { page: number; pageSize: number },
  toItem: (row: Row) => Item,
  countAll: () => Promise<number>,
): Promise<OffsetPage<Item>> {
  const { page, pageSize } = position;
  const total = rows[0]?.total ?? (page === 1 ? 0 : await countAll());
  return { data: rows.map(toItem), page, pageSize, total, pages: Math.ceil(total / pageSize) };
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The opaque cursor after the row with this id (the 16 bytes of the UUID in base64url). */
export function encodeCursor(id: string): string {
  return Buffer.from(id.replaceAll("-", ""), "hex").toString("base64url");
}

/**
 * The id in a cursor.
 * @throws {AppError} `validation_failed` when it is not one that `encodeCursor` made.
 */
export function decodeCursor(cursor: string): string {
  const hex = Buffer.from(cursor, "base64url").toString("hex");
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  if (!uuidPattern.test(id) || encodeCursor(id) !== cursor) {
    throw new AppError("validation_failed", "cursor: use the nextCursor of an earlier answer as it is");
  }
  return id;
}

/** The nearest possible id after (1) or before (-1) one: a page that begins beyond it begins with the id itself. */
export function idBeside(id: string, step: 1 | -1): string {
  const next = BigInt.asUintN(128, BigInt(`0x${id.replaceAll("-", "")}`) + BigInt(step));
  return next
    .toString(16)
    .padStart(32, "0")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Builds a page from up to `limit + 1` rows: the one too many only tells that there is more. */
export function cursorPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  idOf: (row: Row) => string,
  toItem: (row: Row) => Item,
): CursorPage<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const nextCursor = rows.length > limit && last !== undefined ? encodeCursor(idOf(last)) : null;
  return { data: shown.map(toItem), nextCursor };
}
