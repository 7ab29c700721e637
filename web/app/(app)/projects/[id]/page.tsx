import type { Metadata } from "next";
import { ProjectPage } from "../../../../features/projects/project-page.tsx";

export const metadata: Metadata = { title: "Project" };

/** Ids exist only at run time: one placeholder page, to which the server rewrites. */
export function generateStaticParams() {
  return [{ id: "_" }];
}

export default function Page() {
  return <ProjectPage />;
}
