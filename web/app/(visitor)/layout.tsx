import type { ReactNode } from "react";
import { Logo } from "../../components/shell/logo.tsx";

export default function VisitorLayout({ children }: { children: ReactNode }) {
  return (
    <main className="flex min-h-dvh flex-col items-center px-4 pt-[14vh] pb-10">
      <Logo className="mb-5 size-9" />
      {children}
    </main>
  );
}
