"use client";
import { useQuery } from "@tanstack/react-query";
import { CircleCheck, ListChecks, Play, Users } from "lucide-react";
import { AppLink } from "../../components/ui/app-link.tsx";
import { buttonClass } from "../../components/ui/button.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { queries } from "../../lib/queries.ts";

/** What to do on an installation where nothing was run yet: three steps, ticked as they are done. */
export function FirstSteps({ hasSquad }: { hasSquad: boolean }) {
  const tasks = useQuery(queries.tasks({ page: 1, pageSize: 1 }));
  const projects = useQuery(queries.projects(1));
  const task = tasks.data?.data[0];
  const project = projects.data?.data[0];
  const steps = [
    {
      icon: Users,
      title: "Build a squad",
      text: "From a template or your own: members, roles, models, a process and a budget.",
      done: hasSquad,
      href: hasSquad ? "/squads" : "/squads/new",
      action: hasSquad ? "Your squads" : "Build a squad",
    },
    {
      icon: ListChecks,
      title: "Give it a task",
      text: "A project holds tasks and files. Write what you want; attach what it should read.",
      done: task !== undefined,
      href: project ? `/projects/${project.id}${task ? "" : "?new-task=1"}` : "/projects?new=1",
      action: project ? (task ? "Your tasks" : "Write a task") : "New project",
    },
    {
      icon: Play,
      title: "Watch it work",
      text: "Every message streams, every call has its price, and nothing that was done is lost.",
      done: false,
      href: task ? `/projects/${task.projectId}?task=${task.id}` : "/projects",
      action: task ? "Run the task" : "Projects",
    },
  ];
  const next = steps.findIndex((step) => !step.done);
  return (
    <Panel title="Three steps to the first result">
      <ol className="grid divide-y divide-line md:grid-cols-3 md:divide-x md:divide-y-0">
        {steps.map(({ icon: Icon, title, text, done, href, action }, index) => (
          <li key={title} className="flex flex-col gap-1 p-4">
            <p className={`flex items-center gap-2 font-medium ${done ? "text-muted" : ""}`}>
              {done ? (
                <CircleCheck role="img" aria-label="Done" className="size-4 text-good" />
              ) : (
                <Icon aria-hidden className="size-4 text-faint" />
              )}
              {index + 1}. {title}
            </p>
            <p className="flex-1 text-muted">{text}</p>
            <AppLink
              href={href}
              className={`${buttonClass(index === next ? "primary" : "secondary", true)} mt-3 self-start`}
            >
              {action}
            </AppLink>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
