/** The window of the live figures: 30 slots of 10 seconds. */
export const slotMs = 10_000;
export const slotCount = 30;

/** Buckets grow by 5 %, so a percentile is at most 2.5 % off; from 1 µs to about 17 minutes. */
const growth = 1.05;
const smallest = 0.001;
const bucketCount = 426;
const logGrowth = Math.log(growth);

function bucketOf(value: number): number {
  if (value <= smallest) return 0;
  return Math.min(bucketCount - 1, Math.ceil(Math.log(value / smallest) / logGrowth));
}

/** Middle of a bucket, in the unit of the values. */
function middleOf(bucket: number): number {
  return bucket === 0 ? smallest : smallest * growth ** (bucket - 0.5);
}

/** What was recorded in one slot or in several; plain data, so that processes can send it to each other. */
export interface WindowSum {
  count: number;
  sum: number;
  max: number;
  /** Observations by bucket, sparse: index, count, index, count, … */
  buckets: number[];
}

/** One slot; `age` counts slots back from the present one. */
export interface WindowSlot {
  age: number;
  sum: WindowSum;
}

export const emptySum: WindowSum = { count: 0, sum: 0, max: 0, buckets: [] };

/** The sum of several slots or processes. */
export function addSums(sums: readonly WindowSum[]): WindowSum {
  const totals = new Map<number, number>();
  const result: WindowSum = { count: 0, sum: 0, max: 0, buckets: [] };
  for (const each of sums) {
    result.count += each.count;
    result.sum += each.sum;
    result.max = Math.max(result.max, each.max);
    for (let i = 0; i < each.buckets.length; i += 2) {
      const bucket = each.buckets[i] ?? 0;
      totals.set(bucket, (totals.get(bucket) ?? 0) + (each.buckets[i + 1] ?? 0));
    }
  }
  for (const bucket of [...totals.keys()].sort((a, b) => a - b)) result.buckets.push(bucket, totals.get(bucket) ?? 0);
  return result;
}

/** The value below which the share `q` (0 to 1) of the observations lies (nearest rank), null when there are none. */
export function percentile(sum: WindowSum, q: number): number | null {
  if (sum.count === 0) return null;
  let left = Math.max(1, Math.ceil(q * sum.count));
  for (let i = 0; i < sum.buckets.length; i += 2) {
    left -= sum.buckets[i + 1] ?? 0;
    if (left <= 0) return Math.min(sum.max, middleOf(sum.buckets[i] ?? 0));
  }
  return sum.max;
}

export function maximum(sum: WindowSum): number | null {
  return sum.count === 0 ? null : sum.max;
}

export function mean(sum: WindowSum): number | null {
  return sum.count === 0 ? null : sum.sum / sum.count;
}

interface Slot {
  /** Number of the slot since the clock's zero, -1 when unused. */
  number: number;
  count: number;
  sum: number;
  max: number;
  buckets: Uint32Array;
}

/**
 * A histogram of the last five minutes: a ring of 10-second histograms. Recording costs one logarithm and an increment;
 * nothing runs when nothing is recorded.
 */
export class WindowHistogram {
  readonly #slots: Slot[];
  readonly #now: () => number;

  /** `now` is a clock in milliseconds that never goes back. */
  constructor(now: () => number) {
    this.#now = now;
    this.#slots = Array.from({ length: slotCount }, () => ({
      number: -1,
      count: 0,
      sum: 0,
      max: 0,
      buckets: new Uint32Array(bucketCount),
    }));
  }

  record(value: number): void {
    const number = Math.floor(this.#now() / slotMs);
    const slot = this.#slots[number % slotCount];
    if (slot === undefined) return;
    if (slot.number !== number) {
      slot.number = number;
      slot.count = slot.sum = slot.max = 0;
      slot.buckets.fill(0);
    }
    slot.count++;
    slot.sum += value;
    if (value > slot.max) slot.max = value;
    const bucket = bucketOf(value);
    slot.buckets[bucket] = (slot.buckets[bucket] ?? 0) + 1;
  }

  /** The used slots of the window from the oldest to the present one. */
  slots(): WindowSlot[] {
    const current = Math.floor(this.#now() / slotMs);
    return this.#slots
      .filter((slot) => slot.count > 0 && slot.number > current - slotCount && slot.number <= current)
      .map((slot) => ({ age: current - slot.number, sum: sumOf(slot) }))
      .sort((a, b) => b.age - a.age);
  }
}

/** A count of the last five minutes, in the same slots. */
export class WindowCounter {
  readonly #numbers = new Float64Array(slotCount).fill(-1);
  readonly #counts = new Float64Array(slotCount);
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(count = 1): void {
    const number = Math.floor(this.#now() / slotMs);
    const index = number % slotCount;
    if (this.#numbers[index] !== number) {
      this.#numbers[index] = number;
      this.#counts[index] = 0;
    }
    this.#counts[index] = (this.#counts[index] ?? 0) + count;
  }

  /** As the histogram's; only `count` is filled. */
  slots(): WindowSlot[] {
    const current = Math.floor(this.#now() / slotMs);
    return [...this.#numbers]
      .map((number, index) => ({ age: current - number, sum: { ...emptySum, count: this.#counts[index] ?? 0 } }))
      .filter(({ age, sum }) => age >= 0 && age < slotCount && sum.count > 0)
      .sort((a, b) => b.age - a.age);
  }
}

function sumOf(slot: Slot): WindowSum {
  const buckets: number[] = [];
  for (const [index, count] of slot.buckets.entries()) if (count > 0) buckets.push(index, count);
  return { count: slot.count, sum: slot.sum, max: slot.max, buckets };
}
