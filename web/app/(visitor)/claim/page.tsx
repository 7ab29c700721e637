import type { Metadata } from "next";
import { ClaimPage } from "../../../features/users/claim-page.tsx";

export const metadata: Metadata = { title: "Claim this installation" };

export default function Page() {
  return <ClaimPage />;
}
