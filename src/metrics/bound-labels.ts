/** Label values that may come in unbounded number are folded into this one past the bound. */
export const overflowLabel = "other";

/**
 * Children of a labelled metric, made once per combination and then found by one map look-up. Past `maxChildren`
 * combinations every new one shares a child whose labels all read "other": a caller that puts an id into a label costs
 * resolution, not memory.
 */
export function boundLabels<Child>(
  maxChildren: number,
  labelCount: number,
  make: (values: string[]) => Child,
): (...values: string[]) => Child {
  const children = new Map<string, Child>();
  let overflow: Child | undefined;
  return (...values) => {
    const key = values.length === 1 ? (values[0] ?? "") : values.join("\u0000");
    const known = children.get(key);
    if (known !== undefined) return known;
    if (children.size >= maxChildren) {
      overflow ??= make(new Array<string>(labelCount).fill(overflowLabel));
      return overflow;
    }
    const child = make(values);
    children.set(key, child);
    return child;
  };
}
