"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Squad } from "#contracts";
import { squadDraft } from "./draft.ts";
import SquadBuilder from "./squad-builder.tsx";
import { formFromSquad, type SquadForm } from "./squad-form.ts";

interface Beginning {
  initial: SquadForm;
  /** The stored squad that `initial` was made from. */
  base: string;
  restored: boolean;
  /** Another number is a new builder. */
  round: number;
}

/**
 * The builder on a squad that is stored. As long as nothing is typed it shows what is stored now. What is typed stays,
 * whatever becomes of the squad meanwhile; where the two no longer fit, the builder asks which of them is to hold. Only
 * what the builder edits counts: a squad that is paused is still the same to it.
 */
export default function StoredSquadBuilder({ squad }: { squad: Squad }) {
  const client = useQueryClient();
  const stored = formFromSquad(squad);
  const storedBase = JSON.stringify(stored);
  const [start, setStart] = useState<Beginning>(() => {
    const draft = squadDraft(client, squad.id).read();
    return draft
      ? { initial: draft.form, base: draft.base, restored: true, round: 0 }
      : { initial: stored, base: storedBase, restored: false, round: 0 };
  });
  const [dirty, setDirty] = useState(start.restored);
  const begin = (typed: SquadForm | null) => {
    setStart(({ round }) => ({
      initial: typed ?? stored,
      base: typed ? start.base : storedBase,
      restored: typed !== null,
      round: round + 1,
    }));
    setDirty(typed !== null);
  };
  const changed = start.base !== storedBase;
  if (changed && !dirty) begin(null);
  return (
    <SquadBuilder
      key={start.round}
      squad={squad}
      initial={start.initial}
      base={start.base}
      restored={start.restored}
      dirty={dirty}
      onDirty={setDirty}
      onBegin={begin}
      onKeepMine={changed ? () => setStart({ ...start, base: storedBase }) : null}
    />
  );
}
