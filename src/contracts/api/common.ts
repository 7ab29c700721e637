import { type Static, type TProperties, type TSchema, Type } from "typebox";

/** Builds an object schema that refuses what it does not name. */
export function object<Properties extends TProperties>(properties: Properties, options: { description?: string } = {}) {
  return Type.Object(properties, { ...options, additionalProperties: false });
}

/** The given schema, or null. */
export function nullable<Schema extends TSchema>(schema: Schema) {
  return Type.Union([schema, Type.Null()]);
}

/** A page with its total, for lists whose end a user can see. */
export function pageOf<Item extends TSchema>(item: Item) {
  return object({
    data: Type.Array(item),
    page: Type.Integer(),
    pageSize: Type.Integer(),
    total: Type.Integer(),
    pages: Type.Integer(),
  });
}

/** A slice of a list that grows; `nextCursor` is null on the last one. */
export function cursorPageOf<Item extends TSchema>(item: Item) {
  return object({ data: Type.Array(item), nextCursor: nullable(Type.String()) });
}

/** A short list that comes whole. */
export function listOf<Item extends TSchema>(item: Item) {
  return object({ data: Type.Array(item) });
}

const uuidPattern = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";

/** A UUID (RFC 9562); those made by Muster are version 7, so they sort by time. */
export const Id = Type.String({ pattern: uuidPattern, description: "UUID" });
export type Id = Static<typeof Id>;

/** ISO 8601 in UTC. */
export const Timestamp = Type.String({ description: "ISO 8601 date and time in UTC" });

/** Integer nano-USD; null when the price is not known, never 0 for that. */
export const Money = Type.Integer({ description: "Integer nano-USD (1 USD = 1,000,000,000)" });
export const MaybeMoney = nullable(Money);

/** A limit of money that a client sets: up to one million US dollars. */
export const MoneyLimit = Type.Integer({
  minimum: 0,
  maximum: 1_000_000_000_000_000,
  description: "Integer nano-USD (1 USD = 1,000,000,000)",
});

export const pageQuery = {
  page: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000, default: 1 })),
  pageSize: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 20 })),
};

/** A search in a list, whatever the case. */
export const SearchText = Type.String({
  minLength: 1,
  maxLength: 120,
  description: "Part of the name, or of the title",
});

export const cursorQuery = {
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: "`nextCursor` of the page before" })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 100 })),
};

export const Name = Type.String({
  minLength: 1,
  maxLength: 120,
  pattern: "\\S",
  description: "Text that is not blank",
});

/** Problem details (RFC 9457). `code` is stable; `detail` says what is wrong and what to do about it. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String(),
    detail: Type.String(),
    instance: Type.String({ description: "Identifies this occurrence; the server's log carries it too" }),
    errors: Type.Optional(
      Type.Array(object({ path: Type.String(), message: Type.String() }), { description: "Which fields, and why" }),
    ),
  },
  { additionalProperties: true },
);
export type Problem = Static<typeof Problem>;

/** The query of routes that take none. */
export const NoQuery = object({});
/** The answer of writes that have nothing to say. */
export const Empty = Type.Null({ description: "No content" });
