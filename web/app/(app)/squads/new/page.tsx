import type { Metadata } from "next";
import { NewSquadPage } from "../../../../features/squads/new-squad-page.tsx";

export const metadata: Metadata = { title: "New squad" };

export default function Page() {
  return <NewSquadPage />;
}
