"use client";
import { createContext, useContext } from "react";
import type { UseFormReturn } from "react-hook-form";
import type { SquadForm } from "./squad-form.ts";

/**
 * The form of the builder, for its parts. Unlike the library's own provider it never changes: a part draws itself again
 * by what it watches (`useWatch`, `useFormState`), not whenever the form as a whole does.
 */
export const SquadFormContext = createContext<UseFormReturn<SquadForm> | null>(null);

/** The form that a part of the builder is in; throws outside of one. */
export function useSquadForm(): UseFormReturn<SquadForm> {
  const form = useContext(SquadFormContext);
  if (!form) throw new Error("This is a part of the squad builder");
  return form;
}
