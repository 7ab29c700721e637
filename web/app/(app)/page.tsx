import type { Metadata } from "next";
import { DashboardPage } from "../../features/dashboard/dashboard-page.tsx";

export const metadata: Metadata = { title: { absolute: "Dashboard · Muster" } };

export default function Page() {
  return <DashboardPage />;
}
