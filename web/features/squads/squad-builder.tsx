"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { useForm } from "react-hook-form";
import type { Squad } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import { Failure } from "../../components/ui/states.tsx";
import { messageOf } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone } from "../../lib/toast.ts";
import { useGo } from "../../lib/use-route.ts";
import { BuilderSkeleton } from "./builder-skeleton.tsx";
import { keepDraft } from "./draft.ts";
import { MemberBoard } from "./member-board.tsx";
import { saveSquad } from "./save-squad.ts";
import { SettingsPanel } from "./settings-panel.tsx";
import type { SquadForm } from "./squad-form.ts";
import { SquadFormContext } from "./squad-form-context.ts";

interface SquadBuilderProps {
  /** Null builds a new one. */
  squad: Squad | null;
  initial: SquadForm;
  /** `initial` is a draft that survived a reload. */
  restored: boolean;
  /** The draft was thrown away: shows what there was before it, in a new builder. */
  onStartOver: () => void;
}

const draftDelayMs = 400;

/** Builds a squad: members dragged from roles, their models, tools and words, the process, the limits. */
export default function SquadBuilder({ squad, initial, restored, onStartOver }: SquadBuilderProps) {
  const client = useQueryClient();
  const go = useGo();
  const roles = useQuery(queries.roles());
  const models = useQuery(queries.models());
  const tools = useQuery(queries.tools());
  const form = useForm<SquadForm>({ defaultValues: initial });
  const [failure, setFailure] = useState<string | null>(null);
  const draftId = squad?.id ?? "new";
  const base = squad?.updatedAt ?? "";
  const [dirty, setDirty] = useState(restored);
  const done = useRef(false);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const keep = () => {
      clearTimeout(timer);
      if (timer !== undefined && !done.current) keepDraft(draftId, base, form.getValues());
      timer = undefined;
    };
    const subscription = form.watch((_values, { name }) => {
      if (!name || done.current) return;
      setDirty(true);
      clearTimeout(timer);
      timer = setTimeout(keep, draftDelayMs);
    });
    window.addEventListener("pagehide", keep);
    return () => {
      keep();
      window.removeEventListener("pagehide", keep);
      subscription.unsubscribe();
    };
  }, [form, draftId, base]);

  const submit = form.handleSubmit(async (values) => {
    setFailure(null);
    try {
      const answer = await saveSquad(squad, values);
      done.current = true;
      keepDraft(draftId, base, null);
      client.setQueryData(queries.squad(answer.squad.id).queryKey, answer);
      void invalidate(client, "/dashboard", "/budgets");
      void client.invalidateQueries({ queryKey: ["/squads"] });
      toastDone(squad ? "Squad saved" : "Squad created");
      if (squad) setDirty(false);
      else go(`/squads/${answer.squad.id}`);
    } catch (error) {
      setFailure(messageOf(error));
    }
  });

  const discard = () => {
    done.current = true;
    keepDraft(draftId, base, null);
    onStartOver();
  };

  const settings = useMemo(() => models.data && <SettingsPanel models={models.data.data} />, [models.data]);
  const error = roles.error ?? models.error ?? tools.error;
  if (error) return <Failure error={error} retry={() => window.location.reload()} />;
  if (!roles.data || !models.data || !tools.data) return <BuilderSkeleton />;
  const memberError = form.formState.errors.members?.root?.message;
  return (
    <SquadFormContext value={form}>
      <form onSubmit={submit} noValidate>
        {restored && (
          <p role="status" className="mb-3 rounded-md bg-accent-soft px-3 py-1.5 text-accent">
            Your unsaved changes were kept on this device.
          </p>
        )}
        <MemberBoard squad={squad} roles={roles.data.data} models={models.data} tools={tools.data.data}>
          {settings}
        </MemberBoard>
        <div className="sticky bottom-14 z-20 -mx-4 mt-4 flex min-h-13 flex-wrap items-center gap-x-3 gap-y-1 border-line border-t bg-canvas px-4 py-2 md:bottom-0 md:-mx-6 md:px-6">
          <span role="status" className="min-w-0 flex-1 truncate text-faint text-xs">
            {squad && !dirty ? "All changes are saved" : dirty ? "Unsaved; kept on this device" : ""}
          </span>
          {(failure ?? memberError) && (
            <span role="alert" className="w-full text-bad md:w-auto md:max-w-xl">
              {failure ?? memberError}
            </span>
          )}
          <Button disabled={squad !== null && !dirty} onClick={discard}>
            {squad ? "Discard changes" : "Start over"}
          </Button>
          <Button type="submit" look="primary" busy={form.formState.isSubmitting} disabled={squad !== null && !dirty}>
            {squad ? "Save" : "Create squad"}
          </Button>
        </div>
      </form>
    </SquadFormContext>
  );
}
