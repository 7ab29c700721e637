"use client";
import { Failure } from "../../components/ui/states.tsx";

/** A page that broke while it was shown: the frame stays, the rest says so. */
export default function PageError({ error, reset }: { error: Error; reset: () => void }) {
  return (
    <div className="pt-16">
      <h1 className="sr-only">Something went wrong</h1>
      <Failure error={error} retry={reset} />
    </div>
  );
}
