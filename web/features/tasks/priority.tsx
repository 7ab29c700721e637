import { TriangleAlert } from "lucide-react";
import type { TaskPriority } from "#contracts";

/** Priorities from the most pressing down, as they are called on screen. */
export const priorities: { value: TaskPriority; label: string }[] = [
  { value: "urgent", label: "Urgent" },
  { value: "high", label: "High" },
  { value: "medium", label: "Medium" },
  { value: "low", label: "Low" },
];

const bars: Record<Exclude<TaskPriority, "urgent">, number> = { high: 3, medium: 2, low: 1 };

/** A priority as an icon with its name: bars that fill up, and a warning for what is urgent. */
export function PriorityIcon({ priority }: { priority: TaskPriority }) {
  const label = `Priority: ${priority}`;
  if (priority === "urgent")
    return <TriangleAlert role="img" aria-label={label} className="size-4 shrink-0 text-bad" />;
  return (
    <svg role="img" aria-label={label} viewBox="0 0 16 16" className="size-4 shrink-0">
      {[1, 2, 3].map((bar) => (
        <rect
          key={bar}
          x={bar * 4 - 2}
          y={14 - bar * 3.6}
          width="2.6"
          height={bar * 3.6}
          rx="0.8"
          fill={bar <= bars[priority] ? "var(--muted)" : "var(--line-strong)"}
        />
      ))}
    </svg>
  );
}
