/** A piece of a stream and when it came, in epoch milliseconds. */
export interface Arrival {
  at: number;
  bytes: Buffer;
}

/** What one reader of a stream was not given as promised: each number counts events. */
export interface StreamFaults {
  /** Left out: a later one came, and they never did. */
  missing: number;
  /** Came before already. */
  repeated: number;
  /** Came after a later one. */
  late: number;
  /** 1 when the stream ended without its terminal event, whoever ended it. */
  endless: number;
}

export const noFaults: StreamFaults = { missing: 0, repeated: 0, late: 0, endless: 0 };

export interface StreamReading {
  /** The numbers in the order they came. */
  seqs: number[];
  ended: boolean;
  /** How late each event from `since` on was: from the time that the database wrote into it to its arrival, in milliseconds. */
  delays: number[];
}

/** Reads what came of one event stream; events that came before `since` (epoch milliseconds) are history. */
export function readStream(chunks: readonly Arrival[], since: number): StreamReading {
  const reading: StreamReading = { seqs: [], ended: false, delays: [] };
  let rest = "";
  for (const { at, bytes } of chunks) {
    // Only numbers and times are read, which are ASCII: a letter of a text that was cut in two does no harm.
    rest += bytes.toString("latin1");
    const end = rest.lastIndexOf("\n\n");
    if (end < 0) continue;
    const events = rest.slice(0, end);
    rest = rest.slice(end + 2);
    for (const [, seq] of events.matchAll(/^id: ?(\d+)$/gm)) reading.seqs.push(Number(seq));
    if (at >= since) {
      for (const [, written = ""] of events.matchAll(/"at":"([^"]+)"/g)) reading.delays.push(at - Date.parse(written));
    }
    reading.ended ||= events.includes('"type":"execution-end"');
  }
  return reading;
}

/** Holds what a reader was shown of an execution, over all of its connections, against 1, 2, 3, … and a terminal event. */
export function faultsOf(seqs: readonly number[], ended: boolean): StreamFaults {
  const seen = new Set<number>();
  let [last, repeated, late] = [0, 0, 0];
  for (const seq of seqs) {
    if (seen.has(seq)) repeated++;
    else if (seq < last) late++;
    seen.add(seq);
    last = Math.max(last, seq);
  }
  return { missing: last - seen.size, repeated, late, endless: ended ? 0 : 1 };
}

/** The faults of two readers together. */
export function addFaults(one: StreamFaults, other: StreamFaults): StreamFaults {
  return {
    missing: one.missing + other.missing,
    repeated: one.repeated + other.repeated,
    late: one.late + other.late,
    endless: one.endless + other.endless,
  };
}

/** The faults as words; "no gaps" when there are none. */
export function faultText(faults: StreamFaults): string {
  const named = [
    `${faults.missing} missing`,
    `${faults.repeated} repeated`,
    `${faults.late} out of order`,
    `${faults.endless} without an end`,
  ].filter((text) => !text.startsWith("0 "));
  return named.length === 0 ? "no gaps" : named.join(", ");
}
