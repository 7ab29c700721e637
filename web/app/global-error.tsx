"use client";
import { Failure } from "../components/ui/states.tsx";

/** The last net: the frame itself broke. */
export default function GlobalError({ error }: { error: Error }) {
  return (
    <html lang="en" data-theme="light">
      <body>
        <title>Something went wrong · Muster</title>
        <main className="flex min-h-dvh items-center justify-center">
          <h1 className="sr-only">Something went wrong</h1>
          <Failure error={error} retry={() => window.location.reload()} />
        </main>
      </body>
    </html>
  );
}
