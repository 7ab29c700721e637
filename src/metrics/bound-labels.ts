/** Label values that may come in unbounded number are folded into this one past the bound. */
export const overflowLabel = "other";

/**
 * Children of a labelled metric (up to three labels), made once per combination and then found by one look-up a label. Past
 * `maxChildren` combinations every new one shares a child whose labels all read "other": a caller that puts an id into a
 * label costs resolution, not memory.
 */
export function boundLabels<Child>(
  maxChildren: number,
  labelCount: number,
  make: (values: string[]) => Child,
): (first?: string, second?: string, third?: string) => Child {
  const children = new Map<string, Map<string, Map<string, Child>>>();
  let count = 0;
  let overflow: Child | undefined;

  function add(first: string, second: string, third: string): Child {
    if (count >= maxChildren) {
      overflow ??= make(new Array<string>(labelCount).fill(overflowLabel));
      return overflow;
    }
    count += 1;
    const child = make([first, second, third].slice(0, labelCount));
    const seconds = children.get(first) ?? new Map<string, Map<string, Child>>();
    const thirds = seconds.get(second) ?? new Map<string, Child>();
    children.set(first, seconds);
    seconds.set(second, thirds);
    thirds.set(third, child);
    return child;
  }

  return (first = "", second = "", third = "") =>
    children.get(first)?.get(second)?.get(third) ?? add(first, second, third);
}
