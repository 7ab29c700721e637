"use client";
import { Failure } from "../../components/ui/states.tsx";

/**
 * A page that broke while it was shown: the frame stays, the rest says so. Trying again loads the page anew: code that did
 * not come once is never asked for again by the document that missed it.
 */
export default function PageError({ error }: { error: Error }) {
  return (
    <div className="pt-16">
      <h1 className="sr-only">Something went wrong</h1>
      <Failure error={error} retry={() => window.location.reload()} />
    </div>
  );
}
