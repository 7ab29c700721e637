import type { Metadata } from "next";
import { OfflinePage } from "../../../features/users/offline-page.tsx";

export const metadata: Metadata = { title: "Offline" };

export default function Page() {
  return <OfflinePage />;
}
