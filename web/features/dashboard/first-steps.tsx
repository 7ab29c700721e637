import { ListChecks, Play, Users } from "lucide-react";
import { AppLink } from "../../components/ui/app-link.tsx";
import { buttonClass } from "../../components/ui/button.tsx";
import { Panel } from "../../components/ui/panel.tsx";

const steps = [
  {
    icon: Users,
    title: "Build a squad",
    text: "From a template or your own: members, roles, models, a process and a budget.",
    href: "/squads/new",
    action: "Build a squad",
  },
  {
    icon: ListChecks,
    title: "Give it a task",
    text: "A project holds tasks and files. Write what you want; attach what it should read.",
    href: "/projects?new=1",
    action: "New project",
  },
  {
    icon: Play,
    title: "Watch it work",
    text: "Every message streams, every call has its price, and nothing that was done is lost.",
    href: "/executions",
    action: "Executions",
  },
];

/** What to do on an installation that has no squad yet. */
export function FirstSteps() {
  return (
    <Panel title="Three steps to the first result">
      <ol className="grid divide-y divide-line md:grid-cols-3 md:divide-x md:divide-y-0">
        {steps.map(({ icon: Icon, title, text, href, action }, index) => (
          <li key={href} className="flex flex-col gap-1 p-4">
            <p className="flex items-center gap-2 font-medium">
              <Icon aria-hidden className="size-4 text-faint" />
              {index + 1}. {title}
            </p>
            <p className="flex-1 text-muted">{text}</p>
            <AppLink
              href={href}
              className={`${buttonClass(index === 0 ? "primary" : "secondary", true)} mt-3 self-start`}
            >
              {action}
            </AppLink>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
