import clsx from "clsx";

/** How much of a limit is used; it turns to attention at 80 % and to bad when nothing is left. */
export function Meter({
  label,
  value,
  limit,
  className,
}: {
  label: string;
  value: number;
  limit: number;
  className?: string;
}) {
  const ratio = limit > 0 ? Math.min(1, value / limit) : value > 0 ? 1 : 0;
  const percent = Math.round(ratio * 100);
  const tone = ratio >= 1 ? "bg-bad" : ratio >= 0.8 ? "bg-attention" : "bg-accent";
  return (
    // biome-ignore lint/a11y/useSemanticElements: the native meter cannot be drawn in our colours
    <div
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      aria-valuetext={`${percent} %`}
      className={clsx("h-1 overflow-hidden rounded-full bg-hover", className)}
    >
      <div
        className={clsx("h-full origin-left rounded-full transition-transform", tone)}
        style={{ transform: `scaleX(${ratio})` }}
      />
    </div>
  );
}

/** How far work has come, `ended` of `total`. */
export function Progress({
  label,
  ended,
  total,
  className,
}: {
  label: string;
  ended: number;
  total: number;
  className?: string;
}) {
  const ratio = total > 0 ? ended / total : 0;
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={total}
      aria-valuenow={ended}
      className={clsx("h-1 overflow-hidden rounded-full bg-hover", className)}
    >
      <div
        className="h-full origin-left rounded-full bg-accent transition-transform duration-300"
        style={{ transform: `scaleX(${ratio})` }}
      />
    </div>
  );
}
