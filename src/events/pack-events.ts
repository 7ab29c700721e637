/** An event on its way into the journal; `data` is its body without the type, in the form in which it is stored. */
export interface UnpackedEvent {
  type: string;
  data: Record<string, unknown>;
}

/** Events as they are stored: `body` is the inside of the JSON array of `execution_event_batches.body`. */
export interface PackedEvents {
  count: number;
  body: string;
}

type Field = "id" | "ids" | "value";
type Shape = readonly [type: string, fields: Readonly<Record<string, Field>>];

/**
 * The frequent events, by their numbers (from 1) in the order in which migrations/0006_event_batches.sql reads them. Their
 * facts are written without names, ids as places in the batch's list. An event with other facts is stored as it is.
 */
const shapes: readonly Shape[] = [
  ["step-planned", { stepIds: "ids" }],
  ["step-start", { stepId: "id", attempt: "value" }],
  ["step-end", { stepId: "id", status: "value" }],
  ["message-start", { messageId: "id", stepId: "id", memberId: "id", model: "value" }],
  ["message-delta", { messageId: "id", from: "value", to: "value" }],
  ["message-end", { messageId: "id", inputTokens: "value", outputTokens: "value" }],
  [
    "usage",
    {
      llmCallId: "id",
      stepId: "id",
      model: "value",
      inputTokens: "value",
      outputTokens: "value",
      costNanoUsd: "value",
      totalCostNanoUsd: "value",
    },
  ],
];

const numbered = new Map(
  shapes.map(([type, fields], index) => [type, { number: index + 1, fields: Object.entries(fields) }]),
);
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Escapes that PostgreSQL's jsonb refuses: NUL and lone surrogates. The column is text and would take them, whoever reads
 * the execution then would fail for ever; what writes events replaces them before, this is the last guard.
 */
const unreadable = /\\u(?:0000|d[89a-f])/;

function readable(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.replaceAll("\u0000", "\uFFFD").toWellFormed() : value;
}

/** Packs the events of one commit: what it returns belongs together with `ids`. */
export class EventPacker {
  /** Ids that the packed events refer to. */
  readonly ids: string[];

  /** With `ids` it goes on with the list of events that are stored already. */
  constructor(ids: readonly string[] = []) {
    this.ids = [...ids];
  }

  pack(events: readonly UnpackedEvent[]): PackedEvents {
    return { count: events.length, body: events.map((event) => this.#one(event)).join(",") };
  }

  #one({ type, data }: UnpackedEvent): string {
    const packed = this.#numbered(type, data) ?? [type, data];
    const text = JSON.stringify(packed);
    return unreadable.test(text) ? JSON.stringify(packed, readable) : text;
  }

  /** Null when the event has not exactly the facts of its shape. */
  #numbered(type: string, data: Record<string, unknown>): unknown[] | null {
    const shape = numbered.get(type);
    if (!shape || Object.keys(data).length !== shape.fields.length) return null;
    const packed: unknown[] = [shape.number];
    for (const [name, field] of shape.fields) {
      const value = field === "value" ? data[name] : this.#places(data[name], field);
      if (value === undefined) return null;
      packed.push(value);
    }
    return packed;
  }

  #places(value: unknown, field: "id" | "ids"): unknown {
    if (field === "id") return value === null ? null : this.#place(value);
    if (!Array.isArray(value)) return undefined;
    const places = value.map((one) => this.#place(one));
    return places.includes(undefined) ? undefined : places;
  }

  #place(value: unknown): number | undefined {
    if (typeof value !== "string" || !uuid.test(value)) return undefined;
    const known = this.ids.indexOf(value);
    return known >= 0 ? known + 1 : this.ids.push(value);
  }
}
