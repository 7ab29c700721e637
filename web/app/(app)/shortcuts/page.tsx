import type { Metadata } from "next";
import { ShortcutsPage } from "../../../features/users/shortcuts-page.tsx";

export const metadata: Metadata = { title: "Keyboard shortcuts" };

export default function Page() {
  return <ShortcutsPage />;
}
