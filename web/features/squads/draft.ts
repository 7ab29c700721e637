import type { QueryClient } from "@tanstack/react-query";
import type { Me } from "#contracts";
import { type Draft, keepDraft, readDraft } from "../../lib/drafts.ts";
import { queries } from "../../lib/queries.ts";
import type { SquadForm } from "./squad-form.ts";

/** Unsaved changes of one squad in the builder. */
export interface SquadDraft {
  read(): Draft<SquadForm> | null;
  keep(draft: Draft<SquadForm>): void;
  forget(): void;
}

/** Name of the draft of a squad that is not made yet. */
export const newSquadDraft = "new";

/**
 * The draft of who is signed in when it is read or kept. After a sign-out that is nobody: a builder that is taken down
 * then leaves nothing behind.
 */
export function squadDraft(client: QueryClient, squadId: string): SquadDraft {
  const name = `squad-${squadId}`;
  const userId = () => client.getQueryData<Me>(queries.me().queryKey)?.user.id;
  const keep = (draft: Draft<SquadForm> | null) => {
    const id = userId();
    if (id) keepDraft(id, name, draft);
  };
  return {
    read: () => {
      const id = userId();
      const draft = id ? readDraft<SquadForm>(id, name) : null;
      return draft && Array.isArray(draft.form.members) ? draft : null;
    },
    keep,
    forget: () => keep(null),
  };
}
