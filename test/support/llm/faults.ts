/**
 * What can go wrong on the way; applied by the wire servers to one request. `pieces` counts the answer's tokens, of a stream and
 * of a JSON body alike; 0: everything before the first.
 */
export type Fault =
  /** An HTTP error in the format's own shape. */
  | { kind: "status"; status: number; type?: string; code?: string; message?: string; headers?: Record<string, string> }
  /** An answer that is not the API's: a proxy's page. */
  | { kind: "page"; status: number; headers?: Record<string, string> }
  /** The socket closes before a byte of the answer. */
  | { kind: "close-early" }
  /** Bytes that are no HTTP. */
  | { kind: "garbage" }
  /** Nothing comes, the socket stays open. */
  | { kind: "silence" }
  /** Headers come, then nothing. */
  | { kind: "headers-then-silence" }
  /** The answer begins after this time. */
  | { kind: "slow-first-byte"; delayMs: number }
  /** `pieces` of the answer come, then nothing. */
  | { kind: "idle"; pieces: number }
  /** `pieces` of the answer come, then the connection is reset. */
  | { kind: "reset"; pieces: number }
  /** `pieces` of the answer come, then the body ends as if all were well. */
  | { kind: "end"; pieces: number }
  /** Everything but the terminal event comes; of a JSON body everything but its last byte, then a reset. */
  | { kind: "no-terminal" }
  /** After `pieces` an event that is cut JSON; in a body what is no JSON. */
  | { kind: "broken-json"; pieces: number }
  /** After `pieces` a character cut in the middle, then the end. */
  | { kind: "cut-character"; pieces: number }
  /** After `pieces` the format's error event; instead of a body an error with status 200. */
  | { kind: "error-event"; pieces: number; type: string; message: string }
  /** `pieces`, then comments and pings without end. */
  | { kind: "endless"; pieces: number; everyMs: number }
  /** Well-formed, but hard to read: none of these may be an error. */
  | { kind: "one-byte-chunks" }
  | { kind: "one-chunk" }
  | { kind: "crlf" }
  | { kind: "comments" }
  | { kind: "unknown-events" }
  | { kind: "no-usage" }
  | { kind: "hang-after-terminal" }
  | { kind: "garbage-after-terminal" }
  /** The answer has a body of another kind than its content type says. */
  | { kind: "wrong-body"; contentType: string; body: string };

export type FaultPlan = Fault | null | ((requestIndex: number, body: unknown) => Fault | null);
