import { Compass } from "lucide-react";
import type { Metadata } from "next";
import { buttonClass } from "../components/ui/button.tsx";
import { Empty } from "../components/ui/states.tsx";

export const metadata: Metadata = { title: "Not found" };

export default function NotFound() {
  return (
    <main className="flex min-h-dvh items-center justify-center">
      <h1 className="sr-only">Not found</h1>
      <Empty
        icon={Compass}
        title="There is nothing at this address"
        action={
          <a href="/" className={buttonClass("primary")}>
            Go to the dashboard
          </a>
        }
      >
        The link may be old, or what it led to was deleted or is not yours.
      </Empty>
    </main>
  );
}
