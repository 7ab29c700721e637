import type { Metadata } from "next";
import { SquadPage } from "../../../../features/squads/squad-page.tsx";

export const metadata: Metadata = { title: "Squad" };

/** Ids exist only at run time: one placeholder page, to which the server rewrites. */
export function generateStaticParams() {
  return [{ id: "_" }];
}

export default function Page() {
  return <SquadPage />;
}
