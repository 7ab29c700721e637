/** A line of figures over time, without axes: whether it rises, falls or holds. */
export function Sparkline({ values, label }: { values: number[]; label: string }) {
  if (values.length < 2) return <span className="text-faint text-xs">too few samples</span>;
  const width = 120;
  const height = 20;
  const most = Math.max(...values);
  const least = Math.min(...values);
  const span = most - least || 1;
  const points = values.map(
    (value, index) =>
      `${(index / (values.length - 1)) * width},${height - 2 - ((value - least) / span) * (height - 4)}`,
  );
  return (
    <svg
      role="img"
      aria-label={`${label}: from ${values[0]} to ${values.at(-1)}`}
      viewBox={`0 0 ${width} ${height}`}
      className="h-5 w-30"
    >
      <polyline points={points.join(" ")} fill="none" stroke="var(--accent)" strokeWidth="1.5" strokeLinejoin="round" />
    </svg>
  );
}
