"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Ellipsis, Pencil, Trash2 } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import type { Project } from "#contracts";
import { buttonClass } from "../../components/ui/button.tsx";
import { Menu } from "../../components/ui/menu.tsx";
import { apiSend } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone } from "../../lib/toast.ts";
import { useGo } from "../../lib/use-route.ts";

const Confirm = dynamic(() => import("../../components/ui/confirm.tsx"), { ssr: false });
const ProjectDialog = dynamic(() => import("./project-dialog.tsx"), { ssr: false });

/** What can be done with a project as a whole. */
export function ProjectActions({ project }: { project: Project }) {
  const client = useQueryClient();
  const go = useGo();
  const [open, setOpen] = useState<"edit" | "delete" | null>(null);
  return (
    <>
      <Menu
        label="More about this project"
        align="end"
        className={buttonClass("secondary")}
        trigger={<Ellipsis aria-hidden className="size-4" />}
        items={[
          { label: "Edit", icon: <Pencil aria-hidden className="size-4 text-faint" />, run: () => setOpen("edit") },
          {
            label: "Delete",
            icon: <Trash2 aria-hidden className="size-4" />,
            danger: true,
            divided: true,
            run: () => setOpen("delete"),
          },
        ]}
      />
      {open === "edit" && <ProjectDialog project={project} onClose={() => setOpen(null)} />}
      {open === "delete" && (
        <Confirm
          title={`Delete “${project.name}”?`}
          action="Delete the project"
          onClose={() => setOpen(null)}
          onConfirm={async () => {
            await apiSend("DELETE", `/api/v1/projects/${project.id}`);
            client.removeQueries({ queryKey: queries.project(project.id).queryKey });
            await invalidate(client, "/projects", "/tasks", "/dashboard", "/executions");
            toastDone("Project deleted");
            go("/projects");
          }}
        >
          <p>
            Its tasks, their attachments and their executions go with it. This cannot be undone. What they cost stays in
            the usage.
          </p>
        </Confirm>
      )}
    </>
  );
}
