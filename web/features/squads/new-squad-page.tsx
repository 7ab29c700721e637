"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { ChevronLeft, SquareDashed } from "lucide-react";
import dynamic from "next/dynamic";
import { useEffect, useState } from "react";
import type { SquadTemplateView } from "#contracts";
import { Page } from "../../components/shell/page.tsx";
import { AppLink } from "../../components/ui/app-link.tsx";
import { AvatarStack } from "../../components/ui/avatar.tsx";
import { Failure, Loading, Skeletons } from "../../components/ui/states.tsx";
import { plural } from "../../lib/format.ts";
import { queries } from "../../lib/queries.ts";
import { useHydrated } from "../../lib/use-hydrated.ts";
import { whenIdle } from "../../lib/when-idle.ts";
import { BuilderSkeleton } from "./builder-skeleton.tsx";
import { newSquadDraft, squadDraft } from "./draft.ts";
import { processNames } from "./squad-card.tsx";
import { emptyForm, formFromTemplate, type SquadForm } from "./squad-form.ts";

const loadBuilder = () => import("./squad-builder.tsx");
const SquadBuilder = dynamic(loadBuilder, { ssr: false, loading: BuilderSkeleton });

interface Beginning {
  form: SquadForm;
  restored: boolean;
  /** Another number is a new builder. */
  round: number;
}

/** `/squads/new`: choose a template or begin blank, then build. */
export function NewSquadPage() {
  const client = useQueryClient();
  const hydrated = useHydrated();
  const templates = useQuery(queries.squadTemplates());
  const roles = useQuery(queries.roles());
  const me = useQuery(queries.me());
  // Undefined until it is known whose draft to look for, null while one chooses what to begin with.
  const [start, setStart] = useState<Beginning | null>();
  const [dirty, setDirty] = useState(false);
  useEffect(() => whenIdle(() => loadBuilder().catch(() => undefined)), []);
  const begin = (form: SquadForm | null, restored: boolean) => {
    setStart((before) => form && { form, restored, round: (before?.round ?? 0) + 1 });
    setDirty(restored);
  };
  if (start === undefined && hydrated && !me.isPending) {
    begin(squadDraft(client, newSquadDraft).read()?.form ?? null, true);
  }
  const error = templates.error ?? roles.error;
  return (
    <Page
      title="New squad"
      before={
        <AppLink
          href="/squads"
          aria-label="All squads"
          className="-ml-1.5 inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-hover pointer-coarse:size-10"
        >
          <ChevronLeft aria-hidden className="size-4" />
        </AppLink>
      }
    >
      {start ? (
        <SquadBuilder
          key={start.round}
          squad={null}
          initial={start.form}
          base=""
          restored={start.restored}
          dirty={dirty}
          onDirty={setDirty}
          onBegin={(typed) => begin(typed, typed !== null)}
          onKeepMine={null}
        />
      ) : error ? (
        <Failure error={error} retry={() => void templates.refetch().then(() => roles.refetch())} />
      ) : (
        <>
          <p className="mb-4 text-muted">
            Begin with a team that fits the work. Everything can be changed before and after it is made.
          </p>
          {templates.data && roles.data ? (
            <ul className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,19rem),1fr))] gap-3">
              {templates.data.data.map((template) => (
                <li key={template.slug}>
                  <TemplateCard
                    template={template}
                    onChoose={() => begin(formFromTemplate(template, roles.data.data), false)}
                  />
                </li>
              ))}
              <li>
                <button
                  type="button"
                  onClick={() => begin(emptyForm, false)}
                  className="flex h-full min-h-38 w-full flex-col items-start rounded-lg border border-line-strong border-dashed p-3.5 text-left hover:bg-surface"
                >
                  <span className="flex items-center gap-2 font-semibold text-base">
                    <SquareDashed aria-hidden className="size-4 text-faint" />
                    Blank
                  </span>
                  <span className="mt-1 text-muted">Choose every member yourself.</span>
                </button>
              </li>
            </ul>
          ) : (
            <Loading
              label="Loading templates"
              className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,19rem),1fr))] gap-3"
            >
              <Skeletons count={6} className="h-38 rounded-lg" />
            </Loading>
          )}
        </>
      )}
    </Page>
  );
}

function TemplateCard({ template, onChoose }: { template: SquadTemplateView; onChoose: () => void }) {
  return (
    <button
      type="button"
      onClick={onChoose}
      className="flex h-full min-h-38 w-full flex-col items-start rounded-lg border border-line bg-surface p-3.5 text-left shadow-card hover:border-line-strong"
    >
      <span className="font-semibold text-base">{template.name}</span>
      <span className="mt-1 line-clamp-3 text-muted">{template.summary}</span>
      <span className="mt-auto flex w-full items-center justify-between gap-2 pt-3">
        <AvatarStack members={template.members.map((member) => ({ id: member.name, ...member }))} />
        <span className="text-faint text-xs">
          {processNames[template.process]} · {plural(template.members.length, "member")}
        </span>
      </span>
    </button>
  );
}
