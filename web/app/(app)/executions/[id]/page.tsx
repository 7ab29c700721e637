import type { Metadata } from "next";
import { ExecutionPage } from "../../../../features/executions/execution-page.tsx";

export const metadata: Metadata = { title: "Execution" };

/** Ids exist only at run time: one placeholder page, to which the server rewrites. */
export function generateStaticParams() {
  return [{ id: "_" }];
}

export default function Page() {
  return <ExecutionPage />;
}
