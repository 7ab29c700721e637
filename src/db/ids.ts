import { v7 } from "uuid";

/** A new id: UUIDv7 (RFC 9562), ordered by time and within a millisecond of this process, so pages go by id. */
export function uuidv7(): string {
  return v7();
}
