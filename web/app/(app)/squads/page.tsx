import type { Metadata } from "next";
import { SquadsPage } from "../../../features/squads/squads-page.tsx";

export const metadata: Metadata = { title: "Squads" };

export default function Page() {
  return <SquadsPage />;
}
