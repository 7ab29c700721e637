"use client";
import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { type UseFormReturn, useForm } from "react-hook-form";
import type { Squad, SquadAnswer } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import { Failure } from "../../components/ui/states.tsx";
import { ApiError, messageOf } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone } from "../../lib/toast.ts";
import { useGo } from "../../lib/use-route.ts";
import { BuilderSkeleton } from "./builder-skeleton.tsx";
import { newSquadDraft, type SquadDraft, squadDraft } from "./draft.ts";
import { MemberBoard } from "./member-board.tsx";
import { saveSquad } from "./save-squad.ts";
import { SettingsPanel } from "./settings-panel.tsx";
import { formFromSquad, type SquadForm } from "./squad-form.ts";
import { SquadFormContext } from "./squad-form-context.ts";

interface SquadBuilderProps {
  /** Null builds a new one. */
  squad: Squad | null;
  initial: SquadForm;
  /** What `initial` was made from; kept with the draft. */
  base: string;
  /** `initial` is a draft that survived a reload, or was taken back. */
  restored: boolean;
  /** Something is typed that is not saved. */
  dirty: boolean;
  onDirty: (dirty: boolean) => void;
  /** Begins a new builder: with what was typed, or (null) with what there is without it. */
  onBegin: (typed: SquadForm | null) => void;
  /** Not null when the squad was changed elsewhere after the typing began: what is typed is to hold. */
  onKeepMine: (() => void) | null;
}

const draftDelayMs = 400;

/** Builds a squad: members dragged from roles, their models, tools and words, the process, the limits. */
export default function SquadBuilder(props: SquadBuilderProps) {
  const { squad, initial, base, restored, dirty, onDirty, onBegin, onKeepMine } = props;
  const client = useQueryClient();
  const go = useGo();
  const roles = useQuery(queries.roles());
  const models = useQuery(queries.models());
  const tools = useQuery(queries.tools());
  const form = useForm<SquadForm>({ defaultValues: initial });
  const [failure, setFailure] = useState<string | null>(null);
  const [draft] = useState(() => squadDraft(client, squad?.id ?? newSquadDraft));
  const stop = useKeptDraft(form, draft, base, onDirty);

  const submit = form.handleSubmit(async (values) => {
    setFailure(null);
    try {
      const answer = squad ? await saveOver(client, squad, base, values) : await saveSquad(null, values);
      // Another squad is stored by now: the builder asks which of both is to hold.
      if (!answer) return;
      stop();
      const { queryKey } = queries.squad(answer.squad.id);
      // A read that began before the save was complete would bring back what was there.
      await client.cancelQueries({ queryKey });
      onDirty(false);
      client.setQueryData(queryKey, answer);
      void invalidate(client, "/dashboard", "/budgets");
      void client.invalidateQueries({ queryKey: ["/squads"] });
      toastDone(squad ? "Squad saved" : "Squad created");
      if (!squad) go(`/squads/${answer.squad.id}`);
    } catch (error) {
      setFailure(messageOf(error));
    }
  });

  const discard = () => {
    const typed = structuredClone(form.getValues());
    stop();
    onBegin(null);
    if (!dirty) return;
    toastDone("Changes discarded", () => {
      draft.keep({ form: typed, base });
      onBegin(typed);
    });
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
        {onKeepMine && !form.formState.isSubmitting && (
          <ChangedElsewhere onKeepMine={onKeepMine} onTakeTheirs={discard} />
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
          <Button
            type="submit"
            look="primary"
            busy={form.formState.isSubmitting}
            disabled={squad !== null && (!dirty || onKeepMine !== null)}
          >
            {squad ? "Save" : "Create squad"}
          </Button>
        </div>
      </form>
    </SquadFormContext>
  );
}

/**
 * Saves what is typed over the squad it was made from. Where that was changed and the news did not come here, what is
 * stored now is read, and nothing is saved (null); a change of something the builder does not edit, as a pause, is none to it.
 */
async function saveOver(
  client: QueryClient,
  squad: Squad,
  base: string,
  values: SquadForm,
): Promise<SquadAnswer | null> {
  try {
    return await saveSquad(squad, values);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "conflict") throw error;
    const now = await client.fetchQuery({ ...queries.squad(squad.id), staleTime: 0 });
    if (JSON.stringify(formFromSquad(now.squad)) !== base) return null;
    return saveSquad(now.squad, values);
  }
}

/**
 * Keeps what is typed as a draft, a moment after each change and when the page goes. Returns what ends that and forgets
 * the draft.
 */
function useKeptDraft(
  form: UseFormReturn<SquadForm>,
  draft: SquadDraft,
  base: string,
  onDirty: (dirty: boolean) => void,
): () => void {
  const done = useRef(false);
  const baseNow = useRef(base);
  useEffect(() => {
    if (baseNow.current === base) return;
    // What is typed holds against another state of the squad now: a reload need not ask again.
    baseNow.current = base;
    draft.keep({ form: form.getValues(), base });
  }, [form, draft, base]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const keep = () => {
      clearTimeout(timer);
      if (timer !== undefined && !done.current) draft.keep({ form: form.getValues(), base: baseNow.current });
      timer = undefined;
    };
    const subscription = form.watch((_values, { name }) => {
      if (!name || done.current) return;
      onDirty(true);
      clearTimeout(timer);
      timer = setTimeout(keep, draftDelayMs);
    });
    window.addEventListener("pagehide", keep);
    return () => {
      keep();
      window.removeEventListener("pagehide", keep);
      subscription.unsubscribe();
    };
  }, [form, draft, onDirty]);
  return () => {
    done.current = true;
    draft.forget();
  };
}

function ChangedElsewhere({ onKeepMine, onTakeTheirs }: { onKeepMine: () => void; onTakeTheirs: () => void }) {
  return (
    <div
      role="alert"
      className="mb-3 flex flex-wrap items-center gap-x-3 gap-y-2 rounded-md bg-attention-soft px-3 py-1.5 text-attention"
    >
      <p className="min-w-60 flex-1">
        This squad was changed elsewhere since you began. Saving yours would overwrite that.
      </p>
      <Button small onClick={onTakeTheirs}>
        Take theirs
      </Button>
      <Button small onClick={onKeepMine}>
        Keep mine
      </Button>
    </div>
  );
}
