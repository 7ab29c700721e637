import {
  ChartNoAxesColumn,
  Gauge,
  Kanban,
  LayoutDashboard,
  type LucideIcon,
  MessageSquare,
  Play,
  Settings,
  Users,
} from "lucide-react";

export interface Place {
  href: string;
  label: string;
  icon: LucideIcon;
  /** The second key after `g`. */
  key: string;
}

/** Where the work is. */
export const workPlaces: Place[] = [
  { href: "/", label: "Dashboard", icon: LayoutDashboard, key: "d" },
  { href: "/squads", label: "Squads", icon: Users, key: "s" },
  { href: "/projects", label: "Projects", icon: Kanban, key: "p" },
  { href: "/executions", label: "Executions", icon: Play, key: "e" },
  { href: "/chat", label: "Chat", icon: MessageSquare, key: "c" },
];

/** Where one looks after the installation. */
export const carePlaces: Place[] = [
  { href: "/usage", label: "Usage", icon: ChartNoAxesColumn, key: "u" },
  { href: "/performance", label: "Performance", icon: Gauge, key: "f" },
  { href: "/settings", label: "Settings", icon: Settings, key: "," },
];

/** Whether a place is the one (or the parent of the one) now shown. */
export function isCurrent(href: string, pathname: string): boolean {
  return href === "/" ? pathname === "/" : pathname === href || pathname.startsWith(`${href}/`);
}
