import { type FieldValues, type UseFormReturn, useFormContext as useContextOfForm } from "react-hook-form";

export * from "react-hook-form";

/** Stands in for `useFormContext` while the server draws: fields get their values with their refs, which come later. */
export function useFormContext<Form extends FieldValues>(): UseFormReturn<Form> {
  const form = useContextOfForm<Form>();
  const register: typeof form.register = (name, options) => {
    const value: unknown = form.getValues(name);
    const given = typeof value === "boolean" ? { defaultChecked: value } : { defaultValue: value };
    return { ...form.register(name, options), ...given };
  };
  return { ...form, register };
}
