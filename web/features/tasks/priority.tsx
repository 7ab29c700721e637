import { type LucideIcon, SignalHigh, SignalLow, SignalMedium, TriangleAlert } from "lucide-react";
import type { TaskPriority } from "#contracts";

/** Priorities from the most pressing down, as they are called on screen. */
export const priorities: { value: TaskPriority; label: string }[] = [
  { value: "urgent", label: "Urgent" },
  { value: "high", label: "High" },
  { value: "medium", label: "Medium" },
  { value: "low", label: "Low" },
];

const looks: Record<TaskPriority, { icon: LucideIcon; tone: string }> = {
  urgent: { icon: TriangleAlert, tone: "text-bad" },
  high: { icon: SignalHigh, tone: "text-attention" },
  medium: { icon: SignalMedium, tone: "text-muted" },
  low: { icon: SignalLow, tone: "text-faint" },
};

/** A priority as an icon with its name. */
export function PriorityIcon({ priority }: { priority: TaskPriority }) {
  const { icon: Icon, tone } = looks[priority];
  return <Icon role="img" aria-label={`Priority: ${priority}`} className={`size-4 shrink-0 ${tone}`} />;
}
