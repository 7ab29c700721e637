import type { UseFormReturn } from "react-hook-form";
import type { SquadForm } from "../../features/squads/squad-form.ts";
import { useSquadForm as useForm } from "../../features/squads/squad-form-context.ts";

export { SquadFormContext } from "../../features/squads/squad-form-context.ts";

/** Stands in for it while the server draws: fields get their values with their refs, which come later. */
export function useSquadForm(): UseFormReturn<SquadForm> {
  const form = useForm();
  const register: typeof form.register = (name, options) => {
    const value: unknown = form.getValues(name);
    const given = typeof value === "boolean" ? { defaultChecked: value } : { defaultValue: value };
    return { ...form.register(name, options), ...given };
  };
  return { ...form, register };
}
