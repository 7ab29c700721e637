import type { Metadata } from "next";
import { PerformancePage } from "../../../features/performance/performance-page.tsx";

export const metadata: Metadata = { title: "Performance" };

export default function Page() {
  return <PerformancePage />;
}
